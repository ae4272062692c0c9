import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  pem,
  sequence,
  set,
  time,
  utf8String,
} from '../../api/der.ts';

/** A certificate and its private key, both as PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

export interface CertificateRequest {
  commonName: string;
  organizations?: string[];
  /** DNS names and IP addresses of a server. */
  subjectAltNames?: string[];
  usage: 'ca' | 'server' | 'client';
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
}

export const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
};

/** A new P-256 key as PEM (PKCS #8). */
export function newPrivateKey(): { key: KeyObject; pem: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: privateKey, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
}

/** Who signs: its subject and key. */
export interface Issuer {
  commonName: string;
  key: KeyObject;
}

/** A new key and a certificate for it (RFC 5280), signed by `issuer`, or by itself when there is none. */
export function issue(request: CertificateRequest, issuer?: Issuer): KeyPair {
  const own = newPrivateKey();
  const publicKey = createPublicKey(own.key);
  return {
    certificate: certificateFor(publicKey, request, issuer ?? { commonName: request.commonName, key: own.key }),
    key: own.pem,
  };
}

/** A certificate over `publicKey`, signed by `issuer`, as PEM. */
export function certificateFor(publicKey: KeyObject, request: CertificateRequest, issuer: Issuer): string {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    algorithm,
    distinguishedName(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    distinguishedName(request.commonName, request.organizations),
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions(request, publicKey, createPublicKey(issuer.key)))),
  );
  return pem('CERTIFICATE', sequence(body, algorithm, bitString(sign('sha256', body, issuer.key))));
}

function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

export function distinguishedName(commonName: string, organizations: string[] = []): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8String(value)));
  return sequence(
    ...organizations.map((organization) => attribute(oids.organization, organization)),
    attribute(oids.commonName, commonName),
  );
}

function extensions(request: CertificateRequest, own: KeyObject, issuer: KeyObject): Buffer[] {
  const isCa = request.usage === 'ca';
  // Key usage bits: digitalSignature 0, keyEncipherment 2, keyCertSign 5.
  const keyUsage = isCa ? bitString(Buffer.from([0b10100100]), 2) : bitString(Buffer.from([0b10100000]), 5);
  const names = request.subjectAltNames ?? [];
  return [
    extension(oids.keyUsage, keyUsage, true),
    ...(isCa
      ? []
      : [
          extension(
            oids.extendedKeyUsage,
            sequence(oid(request.usage === 'server' ? oids.serverAuth : oids.clientAuth)),
          ),
        ]),
    extension(oids.basicConstraints, isCa ? sequence(boolean(true)) : sequence(), true),
    extension(oids.subjectKeyIdentifier, octetString(keyIdentifier(own))),
    extension(oids.authorityKeyIdentifier, sequence(implicit(0, keyIdentifier(issuer)))),
    ...(names.length > 0 ? [extension(oids.subjectAltName, alternativeNames(names))] : []),
  ];
}

export function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** DNS names and IP addresses, as the subjectAltName extension has them. */
export function alternativeNames(names: string[]): Buffer {
  return sequence(...names.map(generalName));
}

/** SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2): a name, not a protection. */
function keyIdentifier(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' });
  const uncompressedPointLength = 65;
  return createHash('sha1').update(spki.subarray(-uncompressedPointLength)).digest();
}

function generalName(name: string): Buffer {
  if (isIP(name) === 0) return implicit(2, Buffer.from(name));
  return implicit(7, addressBytes(name));
}

/** The 4 or 16 bytes of an address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const front = groups(head);
  const back = groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
