import https from 'node:https';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/resource.ts';
import { badRequest, internalError, StatusError } from '../../api/status-error.ts';
import type { Backend } from '../backend.ts';

/** How the API server proves itself to kubelets, and whom it believes to be one. */
export interface KubeletCredentials {
  key: string;
  cert: string;
  /** CA of the kubelets' certificates; without it any certificate is accepted, as kube-apiserver does by default. */
  ca?: string;
}

export interface Address {
  host: string;
  port: number;
}

/** Where a node's kubelet listens (pkg/kubelet/client GetConnectionInfo). */
export function kubeletAddress(backend: Backend, nodeName: string): Address {
  const { prefix } = backend.served(nodes)!;
  const node = backend.cache.resource(prefix).get(prefix + nodeName)?.object as Node | undefined;
  if (!node) throw internalError(`node ${JSON.stringify(nodeName)} not found`);
  return kubeletAddressOf(node);
}

export function kubeletAddressOf(node: Node): Address {
  const host = addressOf(node);
  if (!host) throw internalError(`no preferred addresses found; known addresses: []`);
  return { host, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || 10250 };
}

/** --kubelet-preferred-address-types, the addresses that need no DNS first. */
function addressOf(node: Node): string | undefined {
  for (const type of ['InternalIP', 'ExternalIP', 'Hostname']) {
    const found = node.status?.addresses?.find((address) => address.type === type);
    if (found) return found.address;
  }
  return undefined;
}

/** The node that a Pod is on. */
export function hostOf(pod: Pod): string {
  if (!pod.spec?.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return pod.spec.nodeName;
}

/** TLS options of connections to kubelets. */
export function kubeletTls(credentials: KubeletCredentials | undefined) {
  if (!credentials) throw internalError('this API server has no credentials for kubelets');
  const { key, cert, ca } = credentials;
  return { key, cert, ...(ca ? { ca } : {}), rejectUnauthorized: ca !== undefined };
}

/** GET from a kubelet, as a stream; an answer other than 200 becomes a Status. */
export function getFromKubelet(
  { host, port }: Address,
  path: string,
  credentials: KubeletCredentials | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const request = https.get({ host, port, path, signal, ...kubeletTls(credentials) }, (response) => {
      if (response.statusCode === 200) {
        resolve(response);
        return;
      }
      collect(response).then((text) => reject(refused(response.statusCode ?? 502, text)), reject);
    });
    request.on('error', (error) => reject(unreachable(host, port, path, error)));
  });
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** apimachinery pkg/api/errors NewGenericServerResponse, as far as kubelets answer. */
function refused(code: number, text: string): StatusError {
  const reasons: Record<number, string> = { 400: 'BadRequest', 403: 'Forbidden', 404: 'NotFound' };
  return new StatusError({
    code,
    reason: reasons[code] ?? 'InternalError',
    message: text.trim() || `the kubelet answered ${code}`,
  });
}

export function unreachable(host: string, port: number, path: string, cause: Error): StatusError {
  return internalError(`Get "https://${host}:${port}${path}": ${cause.message}`, cause);
}
