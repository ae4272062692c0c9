import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { APIService } from '../../api/generated/apiregistration-v1.ts';
import type { ServerRequest, ServerResponse } from '../http/exchange.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
import { tunnel } from '../subresources/tunnel.ts';
import { endpointOf } from '../webhooks/webhook-client.ts';

/** The certificate with which extension servers know us (requestheader-client-ca). */
export interface FrontProxy {
  key: string;
  cert: string;
}

export interface BackendRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: OutgoingHttpHeaders;
  body?: Uint8Array;
  user: UserInfo;
  signal: AbortSignal;
}

interface Connecting {
  reader: ObjectReader;
  frontProxy: FrontProxy | undefined;
}

/** One request to the extension server behind an APIService, in the name of a user (kube-aggregator pkg/apiserver/handler_proxy.go). */
export function requestBackend(
  options: Connecting,
  service: APIService,
  { method, path, headers, body, user, signal }: BackendRequest,
): Promise<IncomingMessage> {
  const { host, port, tls } = backendOf(options, service);
  const all = { ...headers, host: tls.servername, ...userHeaders(user) };
  return new Promise((resolve, reject) => {
    const outgoing = https.request({ host, port, ...tls, method, path, signal, headers: all }, resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** An upgrade (exec and the like, WebSocket watches): from here on only bytes. */
export function tunnelToBackend(
  options: Connecting,
  service: APIService,
  request: ServerRequest,
): Promise<ServerResponse> {
  const { host, port, tls } = backendOf(options, service);
  const added = { host: tls.servername, ...userHeaders(request.user) };
  return tunnel(request, { host, port, path: request.target, tls }, added);
}

/** Where the server is, who it must prove to be, and how we prove who we are. */
function backendOf({ reader, frontProxy }: Connecting, { spec }: APIService) {
  const { name = '', namespace = '', port = 443 } = spec.service ?? {};
  const tls = {
    servername: `${name}.${namespace}.svc`,
    ...(frontProxy && { key: frontProxy.key, cert: frontProxy.cert }),
    ...(spec.caBundle && { ca: Buffer.from(spec.caBundle, 'base64') }),
    rejectUnauthorized: !spec.insecureSkipTLSVerify,
  };
  return { ...endpointOf(reader, namespace, name, port), tls };
}

/** Who asks (requestheader authentication). */
export function userHeaders({ name, uid, groups, extra = {} }: UserInfo): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { 'x-remote-user': name, 'x-remote-group': groups };
  if (uid) headers['x-remote-uid'] = uid;
  for (const [key, values] of Object.entries(extra)) {
    headers[`x-remote-extra-${encodeURIComponent(key).toLowerCase()}`] = values.map(encodeURIComponent);
  }
  return headers;
}
