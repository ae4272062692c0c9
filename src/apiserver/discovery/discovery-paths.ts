import { createHash } from 'node:crypto';
import type { ApiRequest, ApiResponse } from '../request.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './documents.ts';
import { type DiscoverableResource, type ExtensionVersion, type ServedGroup, servedGroups } from './served-groups.ts';

export interface DiscoveryOptions {
  /** What is served now; a new array after every change. */
  served(): readonly DiscoverableResource[];
  /** Versions that extension servers answer for; a new array after every change. */
  extensions?(): readonly ExtensionVersion[];
  /** 'address:port' of this server. */
  serverAddress: string;
}

const none: readonly ExtensionVersion[] = [];

/** A document, encoded once. */
interface Encoded {
  body: Buffer;
  contentType: string;
  etag: string;
}

/** Answers /api, /apis and what is below them down to the lists of resources; undefined for all other paths. */
export function discoveryPaths(options: DiscoveryOptions): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  /** What the documents below were made from. */
  let current: readonly DiscoverableResource[] | undefined;
  let currentExtensions: readonly ExtensionVersion[] = none;
  /** Documents by path and form, made at the first request. */
  const documents = new Map<string, Encoded | undefined>();
  let groups: ServedGroup[] = [];

  return async (request) => {
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    if (!/^\/apis?(\/|$)/.test(path) || path.split('/').length > 4) return undefined;
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const served = options.served();
    const extensions = options.extensions?.() ?? none;
    if (served !== current || extensions !== currentExtensions) {
      current = served;
      currentExtensions = extensions;
      groups = servedGroups(served, extensions);
      documents.clear();
    }
    const aggregated = path === '/api' || path === '/apis' ? aggregatedVersion(request.headers.accept) : undefined;
    const key = `${path} ${aggregated ?? ''}`;
    if (!documents.has(key)) documents.set(key, make(path, aggregated, groups, options.serverAddress));
    const document = documents.get(key);
    return document && answer(document, request);
  };
}

function make(
  path: string,
  aggregated: string | undefined,
  groups: ServedGroup[],
  serverAddress: string,
): Encoded | undefined {
  const [, root, second, third] = path.split('/');
  const core = root === 'api';
  if (aggregated) {
    const shown = groups.filter(({ group }) => (group === '') === core);
    const contentType = `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
    return encode(aggregatedDiscovery(shown, `apidiscovery.k8s.io/${aggregated}`), contentType);
  }
  if (second === undefined) return encode(core ? apiVersions(serverAddress) : apiGroupList(groups));
  const group = groups.find((one) => one.group === (core ? '' : second));
  if (!group) return undefined;
  const version = core ? second : third;
  if (version === undefined) return encode(apiGroup(group));
  if (core && third !== undefined) return undefined;
  const found = group.versions.find((one) => one.version === version);
  return found && encode(apiResourceList(group.group, found));
}

/** 'v2' or 'v2beta1' when the client prefers aggregated discovery to the plain one. */
function aggregatedVersion(accept = ''): string | undefined {
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const of = (name: string) => parameters.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
    if (type !== 'application/json' && type !== 'application/*') continue;
    if (of('as') === undefined) return undefined;
    const version = of('v');
    if (of('as') !== 'APIGroupDiscoveryList' || of('g') !== 'apidiscovery.k8s.io') continue;
    if (version === 'v2' || version === 'v2beta1') return version;
  }
  return undefined;
}

function encode(document: object, contentType = 'application/json'): Encoded {
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`;
  return { body, contentType, etag };
}

function answer({ body, contentType, etag }: Encoded, request: ApiRequest): ApiResponse {
  const headers = { 'content-type': contentType, etag, vary: 'Accept', 'cache-control': 'public' };
  if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: Buffer.alloc(0) };
  return { status: 200, headers, body };
}
