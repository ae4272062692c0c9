import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import type { APIService } from '../../api/generated/apiregistration-v1.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
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

/** One request to the extension server behind an APIService, in the name of a user (kube-aggregator pkg/apiserver/handler_proxy.go). */
export function requestBackend(
  { reader, frontProxy }: { reader: ObjectReader; frontProxy: FrontProxy | undefined },
  { spec }: APIService,
  { method, path, headers, body, user, signal }: BackendRequest,
): Promise<IncomingMessage> {
  const { name = '', namespace = '', port = 443 } = spec.service ?? {};
  const { host, port: targetPort } = endpointOf(reader, namespace, name, port);
  const servername = `${name}.${namespace}.svc`;
  return new Promise((resolve, reject) => {
    const outgoing = https.request(
      {
        host,
        port: targetPort,
        servername,
        method,
        path,
        signal,
        headers: { ...headers, host: servername, ...userHeaders(user) },
        ...(frontProxy ? { key: frontProxy.key, cert: frontProxy.cert } : {}),
        ...(spec.caBundle ? { ca: Buffer.from(spec.caBundle, 'base64') } : {}),
        rejectUnauthorized: !spec.insecureSkipTLSVerify,
      },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
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
