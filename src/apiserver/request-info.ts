import type { RequestInfo } from './request.ts';

/** Verbs of the methods on a resource (apiserver pkg/endpoints/request/requestinfo.go). */
const verbs: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Subresources of a namespace; any other third segment is a resource inside it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** What a request is about, read off its method, path and query: the rules of RequestInfoFactory.NewRequestInfo. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const info = nonResource(method, path);
  const segments = segmentsOf(path);
  const isCore = segments[0] === 'api';
  if ((!isCore && segments[0] !== 'apis') || segments.length < (isCore ? 3 : 4)) return info;
  info.isResourceRequest = true;
  info.verb = verbs[method] ?? '';
  // Only then, so that nothing else passes for /api.
  if (path.includes('%')) for (let n = 1; n < segments.length; n++) segments[n] = decode(segments[n]!);
  info.group = isCore ? '' : segments[1]!;
  info.version = segments[isCore ? 1 : 2]!;
  let start = isCore ? 2 : 3;
  const legacyWatch = segments[start] === 'watch' && segments.length > start + 1;
  if (legacyWatch) start++;
  readResource(info, segments, start);
  readVerb(info, query, legacyWatch);
  return info;
}

function segmentsOf(path: string): string[] {
  const segments: string[] = [];
  for (let start = 0; start < path.length; ) {
    const slash = path.indexOf('/', start);
    const end = slash < 0 ? path.length : slash;
    if (end > start) segments.push(path.slice(start, end));
    start = end + 1;
  }
  return segments;
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    verb: method.toLowerCase(),
    path,
    group: '',
    version: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
  };
}

function readResource(info: RequestInfo, segments: string[], start: number): void {
  let at = start;
  if (segments[at] === 'namespaces') {
    info.namespace = segments[at + 1] ?? '';
    // /namespaces/x/status is the namespace's; /namespaces/x/pods is in it.
    if (segments.length > at + 2 && !namespaceSubresources.has(segments[at + 2]!)) at += 2;
  }
  info.resource = segments[at] ?? '';
  info.name = segments[at + 1] ?? '';
  info.subresource = segments[at + 2] ?? '';
}

function readVerb(info: RequestInfo, query: URLSearchParams, legacyWatch: boolean): void {
  if (legacyWatch) info.verb = 'watch';
  if (info.name === '' && info.verb === 'get') info.verb = isWatch(query) ? 'watch' : 'list';
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection';
  if (info.verb === 'list' || info.verb === 'watch' || info.verb === 'deletecollection') {
    // Lets authorization by resource name allow a watch of one object.
    const selector = query.get('fieldSelector');
    if (selector) info.fieldSelector = selector;
    if (info.name === '') info.name = selectedName(query);
  }
}

function isWatch(query: URLSearchParams): boolean {
  const watch = query.get('watch');
  return watch !== null && watch !== '0' && watch.toLowerCase() !== 'false';
}

function selectedName(query: URLSearchParams): string {
  const selector = query.get('fieldSelector');
  return selector ? (/(?:^|,)metadata\.name==?([^,]+)/.exec(selector)?.[1] ?? '') : '';
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
