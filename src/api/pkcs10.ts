import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { bitString, explicit, integer, oid, readDer, sequence } from './der.ts';

/** Certificate requests (RFC 2986): the empty ones of Pods (KEP-4317), and what they say about their key. */

interface Signature {
  /** Algorithm of the signature, as DER. */
  algorithm: Buffer;
  digest: string | null;
}

const nothing = Buffer.from([0x05, 0x00]);
const ecdsa = (id: string, digest: string): Signature => ({ algorithm: sequence(oid(id)), digest });
const rsa = (id: string, digest: string): Signature => ({ algorithm: sequence(oid(id), nothing), digest });
const signatures: Record<string, Signature> = {
  prime256v1: ecdsa('1.2.840.10045.4.3.2', 'sha256'),
  secp384r1: ecdsa('1.2.840.10045.4.3.3', 'sha384'),
  secp521r1: ecdsa('1.2.840.10045.4.3.4', 'sha512'),
  rsa: rsa('1.2.840.113549.1.1.11', 'sha256'),
  rsa384: rsa('1.2.840.113549.1.1.12', 'sha384'),
  rsa512: rsa('1.2.840.113549.1.1.13', 'sha512'),
  ed25519: { algorithm: sequence(oid('1.3.101.112')), digest: null },
};

/** A request that names nobody: it only proves that its sender has the key. */
export function emptyRequest(privateKey: KeyObject): Buffer {
  const publicKey = createPublicKey(privateKey);
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  const { algorithm, digest } = signatures[asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType ?? '']!;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const info = sequence(integer(Buffer.from([0])), sequence(), spki, explicit(0));
  return sequence(info, algorithm, bitString(sign(digest, info, privateKey)));
}

/** The key of a request whose signature is right. Throws on any other. */
export function requestedKey(request: Uint8Array): KeyObject {
  const [outer] = readDer(request);
  const [info, algorithm, signature] = readDer(outer?.body ?? new Uint8Array());
  const spki = info && readDer(info.body)[2];
  if (outer?.tag !== 0x30 || !spki || !algorithm || signature?.tag !== 0x03) throw new Error('not a PKCS#10 request');
  const key = createPublicKey({ key: Buffer.from(spki.whole), type: 'spki', format: 'der' });
  const known = Object.values(signatures).find((one) => one.algorithm.equals(algorithm.whole));
  if (!known) throw new Error('unknown signature algorithm');
  if (!verify(known.digest, info.whole, key, signature.body.subarray(1))) throw new Error('wrong signature');
  return key;
}
