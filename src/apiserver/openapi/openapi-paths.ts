import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { apiVersionOf } from '../../api/resource.ts';
import type { ExtensionOpenApi } from '../aggregation/extension-openapi.ts';
import type { ApiRequest, ApiResponse } from '../request.ts';
import { type DescribedResource, documentV2, documentV3 } from './documents.ts';
import { mergeV2 } from './merge-v2.ts';
import { encodeDocument } from './protobuf-v2.ts';
import type { Json } from './schema.ts';

export interface OpenApiOptions {
  /** What is served now, custom resources with their schemas; a new array after every change. */
  served(): readonly DescribedResource[];
  /** Of Kubernetes, such as 'v1.36.4'. */
  version: string;
  /** What extension servers say of themselves; a new array after every change. */
  extensions?(): readonly ExtensionOpenApi[];
}

const noExtensions: readonly ExtensionOpenApi[] = [];

const protobufV2 = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** What older clients send instead. */
const protobufV2Old = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

interface Encoded {
  body: Buffer;
  contentType: string;
  hash: string;
  /** Made when the first client asks for it. */
  gzipped?: Buffer;
}

/** Answers /openapi/v2 and /openapi/v3…; undefined for other paths. Nothing is made before somebody asks. */
export function openApiPaths(options: OpenApiOptions): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  /** What the documents below describe. */
  let current: readonly DescribedResource[] | undefined;
  let extensions: readonly ExtensionOpenApi[] = [];
  /** Documents by key, made once. */
  const documents = new Map<string, Encoded>();

  const once = (key: string, make: () => { body: Buffer; contentType: string }): Encoded => {
    let document = documents.get(key);
    if (!document) {
      const made = make();
      document = { ...made, hash: createHash('sha512').update(made.body).digest('hex').toUpperCase() };
      documents.set(key, document);
    }
    return document;
  };
  const jsonOnce = (key: string, make: () => Json) =>
    once(key, () => ({ body: Buffer.from(JSON.stringify(make())), contentType: 'application/json' }));
  const v3 = (groupVersion: string): Encoded | undefined => {
    const resources = (current ?? []).filter((resource) => pathOf(resource) === groupVersion);
    if (resources.length === 0) return extensionV3(groupVersion);
    return jsonOnce(`v3 ${groupVersion}`, () => documentV3(resources, options.version));
  };

  const extensionV3 = (groupVersion: string): Encoded | undefined => {
    const found = extensions.find(({ path }) => path === groupVersion)?.v3;
    if (!found) return undefined;
    return once(`v3 ${groupVersion}`, () => ({ body: found.body, contentType: 'application/json' }));
  };

  return async (request) => {
    const path = request.path.replace(/\/$/, '');
    if (path !== '/openapi/v2' && path !== '/openapi/v3' && !path.startsWith('/openapi/v3/')) return undefined;
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const [served, others] = [options.served(), options.extensions?.() ?? noExtensions];
    if (served !== current || others !== extensions) {
      current = served;
      extensions = others;
      documents.clear();
    }
    if (path === '/openapi/v2') return answer(v2(request.headers.accept), request);
    if (path === '/openapi/v3') return answer(index(), request);
    const document = v3(path.slice('/openapi/v3/'.length));
    if (!document) return undefined;
    const hash = request.query.get('hash');
    if (hash && hash !== document.hash) return redirect(`${path}?hash=${document.hash}`);
    return answer(document, request, hash !== null);
  };

  function v2(accept = ''): Encoded {
    const make = () =>
      extensions.reduce(
        (document, { path, v2: other }) => (other ? mergeV2(document, other, `/${path}`) : document),
        documentV2(current ?? [], options.version),
      );
    if (!accept.includes(protobufV2) && !accept.includes(protobufV2Old)) return jsonOnce('v2', make);
    return once('v2 protobuf', () => ({
      body: encodeDocument(make()),
      // The name with '@' is no valid media type (kube-openapi pkg/handler).
      contentType: protobufV2Old,
    }));
  }

  /** The paths of the documents, each with the hash of its contents, so that clients can keep them for good. */
  function index(): Encoded {
    return jsonOnce('v3', () => {
      const described = extensions.filter(({ v3: document }) => document).map(({ path }) => path);
      const groupVersions = [...new Set([...(current ?? []).map(pathOf), ...described])].sort();
      const paths = groupVersions.map((groupVersion) => [
        groupVersion,
        { serverRelativeURL: `/openapi/v3/${groupVersion}?hash=${v3(groupVersion)!.hash}` },
      ]);
      return { paths: Object.fromEntries(paths) };
    });
  }
}

function pathOf(resource: DescribedResource): string {
  return resource.group ? `apis/${apiVersionOf(resource)}` : `api/${resource.version}`;
}

function answer(document: Encoded, request: ApiRequest, forGood = false): ApiResponse {
  const headers: Record<string, string> = {
    'content-type': document.contentType,
    etag: `"${document.hash}"`,
    vary: 'Accept-Encoding, Accept',
    'cache-control': forGood ? 'public, immutable' : 'no-cache, private',
    ...(forGood ? { expires: new Date(Date.now() + 365 * 24 * 3600 * 1000).toUTCString() } : {}),
  };
  if (request.headers['if-none-match'] === headers.etag) return { status: 304, headers, body: Buffer.alloc(0) };
  if (!request.headers['accept-encoding']?.includes('gzip')) return { status: 200, headers, body: document.body };
  document.gzipped ??= gzipSync(document.body, { level: 1 });
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: document.gzipped };
}

function redirect(location: string): ApiResponse {
  return { status: 301, headers: { location }, body: Buffer.alloc(0) };
}
