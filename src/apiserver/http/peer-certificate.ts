import type { TLSSocket } from 'node:tls';
import type { ApiRequest } from '../request.ts';

export interface Peer {
  certificate: ApiRequest['certificate'];
  badCertificate: boolean;
  remoteAddress: string;
}

/** Read once per connection: parsing a certificate costs more than most requests. */
const peers = new WeakMap<object, Peer>();

/** Who is at the other end. A certificate counts only if the client CA signed it. */
export function peerOf(socket: TLSSocket): Peer {
  let peer = peers.get(socket);
  if (!peer) {
    peer = readPeer(socket);
    peers.set(socket, peer);
  }
  return peer;
}

function readPeer(socket: TLSSocket): Peer {
  const remoteAddress = socket.remoteAddress ?? '';
  const certificate = socket.getPeerCertificate();
  // Without a certificate the object is empty, whatever its type says.
  if (!certificate?.subject) return { certificate: undefined, badCertificate: false, remoteAddress };
  if (!socket.authorized) return { certificate: undefined, badCertificate: true, remoteAddress };
  const subject = certificate.subject as unknown as Record<string, string | string[] | undefined>;
  const organizations = subject.O === undefined ? [] : [subject.O].flat();
  const commonName = [subject.CN ?? ''].flat()[0] ?? '';
  return { certificate: { commonName, organizations }, badCertificate: false, remoteAddress };
}
