import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { Pod } from '../../api/generated/core-v1.ts';
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import type { ServerRequest, ServerResponse } from '../http/exchange.ts';
import { existing } from '../verbs/get.ts';
import { admitPart } from './admit-part.ts';
import { hostOf, kubeletAddress, kubeletTls } from './kubelet-connection.ts';
import { rewritePage, rewriteUrl } from './rewrite-links.ts';
import { serviceEndpoint } from './service-endpoint.ts';
import { type TunnelTarget, tunnel } from './tunnel.ts';

/** Of one connection only (RFC 9110 section 7.6.1), or of HTTP/2, or ours. */
const hopHeaders =
  /^(:.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|authorization|cookie|impersonate-.*)$/;

/** nodes|pods|services/NAME/proxy/…: an HTTP proxy to what the object stands for. */
export async function proxy(call: Call): Promise<ServerResponse> {
  const { request, resource } = call;
  const target = targetOf(call);
  const { kind } = resource.info.subresources.proxy!;
  await admitPart(call, 'CONNECT', 'proxy', { kind, apiVersion: 'v1', path: proxiedPath(request) });
  if (request.upgrade) return tunnel(request, target);
  return toRoot(request) ?? forward(request, target);
}

/** Relative links of a server's first page are right only below a path that ends with a slash (proxyRedirectsforRootPath). */
function toRoot({ method, path, target }: ServerRequest): ServerResponse | undefined {
  if (!path.endsWith('/proxy') || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const query = target.includes('?') ? target.slice(target.indexOf('?')) : '';
  return { status: 301, headers: { location: `${path}/${query}` }, body: new Uint8Array() };
}

function targetOf(call: Call): TunnelTarget {
  const { request, resource, backend } = call;
  const { scheme, name, port } = splitName(request.info.name, resource.info.resource.slice(0, -1));
  const path = proxiedPath(request);
  const named: Call = { ...call, request: { ...request, info: { ...request.info, name } } };
  const secure = scheme === 'https' ? { rejectUnauthorized: false } : undefined;
  if (resource.info.resource === 'nodes') {
    existing(named);
    return { ...kubeletAddress(backend, name), path, tls: kubeletTls(backend.kubelet) };
  }
  if (resource.info.resource === 'services') return { ...serviceEndpoint(named, port), path, tls: secure };
  const pod = existing(named).object as Pod;
  hostOf(pod);
  const host = pod.status?.podIP;
  if (!host || !isProxyable(host)) throw badRequest('address not allowed');
  return { host, port: Number(port) || firstPort(pod), path, tls: secure };
}

/**
 * Who may write a Pod's status must not lead us to what listens on this machine alone, or on this link: metadata services
 * of clouds, among others (pkg/proxy/util IsProxyableIP).
 */
export function isProxyable(address: string): boolean {
  return isIP(address) !== 0 && !unreachable.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

const unreachable = new BlockList();
for (const [network, prefix, family] of [
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 24, 'ipv4'],
  ['0.0.0.0', 32, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['::', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
] as const)
  unreachable.addSubnet(network, prefix, family);

/** '[scheme:]name[:port]' (apimachinery pkg/util/net SplitSchemeNamePort). */
function splitName(text: string, what: string): { scheme: string; name: string; port: string } {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: '', name: text, port: '' };
  if (parts.length === 2) return { scheme: '', name: parts[0]!, port: parts[1]! };
  const [scheme = '', name = '', port = ''] = parts;
  if (parts.length > 3 || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) {
    throw badRequest(`invalid ${what} request ${JSON.stringify(text)}`);
  }
  return { scheme, name, port };
}

/** What follows '/proxy', with the query. */
function proxiedPath({ target, info }: ServerRequest): string {
  const start = target.indexOf(`/${encodeURIComponent(info.name)}/proxy`);
  const plain = target.indexOf(`/${info.name}/proxy`);
  const from =
    plain >= 0 ? plain + `/${info.name}/proxy`.length : start + `/${encodeURIComponent(info.name)}/proxy`.length;
  const rest = target.slice(from);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function firstPort(pod: Pod): number {
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports[0]?.containerPort ?? 80;
}

async function forward(request: ServerRequest, { host, port, path, tls }: TunnelTarget): Promise<ServerResponse> {
  const body = request.method === 'GET' || request.method === 'HEAD' ? undefined : await request.body();
  const answer = await send(request, { host, port, path, tls }, body);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !hopHeaders.test(name) && name !== 'content-length')
      headers[name] = [value].flat().join(', ');
  }
  const place = {
    prefix: proxyPrefix(request, path),
    requestHost: request.headers.host ?? request.headers[':authority'] ?? '',
    targetHost: `${host}:${port}`,
  };
  if (headers.location) headers.location = rewriteUrl(headers.location, place);
  const isPage = headers['content-type']?.split(';')[0]?.trim() === 'text/html';
  const content = isPage ? rewritePage(answer, headers['content-encoding'], place) : answer;
  return { status: answer.statusCode ?? 502, headers, body: content };
}

/** The path up to and with '/proxy'. */
function proxyPrefix({ target }: ServerRequest, path: string): string {
  return target.endsWith(path) ? target.slice(0, -path.length) : target.replace(/\?.*/, '');
}

/** What the proxied server may learn of the request that we got (apimachinery pkg/util/proxy/transport.go; httputil.ReverseProxy). */
function forwarded({ headers, path, remoteAddress }: ServerRequest): OutgoingHttpHeaders {
  const before = headers['x-forwarded-for'];
  return {
    'x-forwarded-for': before ? `${before}, ${remoteAddress}` : remoteAddress,
    'x-forwarded-host': headers.host ?? headers[':authority'] ?? '',
    'x-forwarded-proto': 'https',
    'x-forwarded-uri': path,
  };
}

function send(request: ServerRequest, to: TunnelTarget, body: Uint8Array | undefined): Promise<IncomingMessage> {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers)) if (!hopHeaders.test(name)) headers[name] = value;
  Object.assign(headers, forwarded(request));
  const { host, port, path, tls } = to;
  const options = { host, port, path, method: request.method, headers, signal: request.cancellation.signal };
  return new Promise((resolve, reject) => {
    const outgoing = tls ? https.request({ ...options, ...tls }, resolve) : http.request(options, resolve);
    outgoing.on('error', (cause) => {
      const error = new StatusError({
        code: 503,
        reason: 'ServiceUnavailable',
        message: `error trying to reach service: ${cause.message}`,
      });
      error.cause = cause;
      reject(error);
    });
    outgoing.end(body);
  });
}
