import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ApiRequest } from '../request.ts';

export interface Peer {
  certificate: ApiRequest['certificate'];
  badCertificate: boolean;
  remoteAddress: string;
}

/** Who is at the other end. A certificate counts only if a CA of ours signed it. */
export type PeerReader = (socket: TLSSocket) => Peer;

/** `frontProxyCa`: PEM of the CA whose certificates are those of proxies, which say on whose behalf they ask. */
export function peerReader(frontProxyCa: string | undefined): PeerReader {
  /** Read once per connection: parsing a certificate costs more than most requests. */
  const peers = new WeakMap<object, Peer>();
  const proxies = frontProxyCa ? new X509Certificate(frontProxyCa) : undefined;
  return (socket) => {
    let peer = peers.get(socket);
    if (!peer) {
      peer = readPeer(socket, proxies);
      peers.set(socket, peer);
    }
    return peer;
  };
}

function readPeer(socket: TLSSocket, proxies: X509Certificate | undefined): Peer {
  const remoteAddress = socket.remoteAddress ?? '';
  const certificate = socket.getPeerCertificate();
  // Without a certificate the object is empty, whatever its type says.
  if (!certificate?.subject) return { certificate: undefined, badCertificate: false, remoteAddress };
  if (!socket.authorized) return { certificate: undefined, badCertificate: true, remoteAddress };
  const subject = certificate.subject as unknown as Record<string, string | string[] | undefined>;
  const organizations = subject.O === undefined ? [] : [subject.O].flat();
  const commonName = [subject.CN ?? ''].flat()[0] ?? '';
  const frontProxy = proxies !== undefined && new X509Certificate(certificate.raw).verify(proxies.publicKey);
  return {
    certificate: { commonName, organizations, ...(frontProxy && { frontProxy }) },
    badCertificate: false,
    remoteAddress,
  };
}
