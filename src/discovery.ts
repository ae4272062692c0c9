import { createHash, X509Certificate } from 'node:crypto';
import net from 'node:net';
import { parse } from 'yaml';
import { configMaps } from './api/resource.ts';
import { UserError } from './base/errors.ts';
import { errorChain } from './base/log.ts';
import { httpsTransport } from './client/https-transport.ts';
import { createClient } from './client/rest.ts';
import { clusterInfoName } from './join-objects.ts';

/** What pins a CA, as kubeadm's --discovery-token-ca-cert-hash: 'sha256:' and the hash of its public key. */
export function caHash(ca: string): string {
  const key = new X509Certificate(ca).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** The CA of a cluster, PEM: asked of a server that nobody vouches for, and believed only with the right hash. */
export async function discoverCa(server: string, hash: string): Promise<string> {
  const client = createClient(httpsTransport({ server, insecure: true }), { userAgent: 'vitrine-join' });
  try {
    const { data } = await client.get(configMaps, clusterInfoName, 'kube-public').catch((cause: unknown) => {
      throw new UserError(`cannot ask ${server} which cluster it is: ${errorChain(cause)}`, { cause });
    });
    const kubeconfig = parse(data?.kubeconfig ?? '') as {
      clusters?: { cluster?: { 'certificate-authority-data'?: string } }[];
    };
    const encoded = kubeconfig?.clusters?.[0]?.cluster?.['certificate-authority-data'] ?? '';
    const ca = Buffer.from(encoded, 'base64').toString('utf8');
    if (caHash(ca) !== hash) throw new UserError(`the CA of ${server} is ${caHash(ca)}, not ${hash}`);
    return ca;
  } finally {
    client.close();
  }
}

/** The address that this machine speaks with a server from. */
export function localAddressTo(server: string): Promise<string> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port), timeout: 5000 });
    const fail = (cause?: Error) =>
      reject(new UserError(`cannot reach ${server}${cause ? `: ${cause.message}` : ' within 5 s'}`, { cause }));
    socket.once('connect', () => {
      resolve(socket.localAddress ?? '');
      socket.destroy();
    });
    socket.once('timeout', () => {
      fail();
      socket.destroy();
    });
    socket.once('error', fail);
  });
}
