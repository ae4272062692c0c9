import { createPublicKey, sign } from 'node:crypto';
import { bitString, explicit, integer, oid, pem, sequence, set } from '../../api/der.ts';
import {
  alternativeNames,
  type CertificateRequest,
  distinguishedName,
  extension,
  newPrivateKey,
  oids,
} from './certificate.ts';

/** A new key and a request for a certificate over it (PKCS #10, RFC 2986), both as PEM. */
export function newSigningRequest({
  commonName,
  organizations,
  subjectAltNames = [],
}: Pick<CertificateRequest, 'commonName' | 'organizations' | 'subjectAltNames'>): { key: string; request: string } {
  const own = newPrivateKey();
  const names = extension(oids.subjectAltName, alternativeNames(subjectAltNames));
  const attributes = subjectAltNames.length > 0 ? [sequence(oid(oids.extensionRequest), set(sequence(names)))] : [];
  const body = sequence(
    integer(Buffer.from([0])),
    distinguishedName(commonName, organizations),
    createPublicKey(own.key).export({ type: 'spki', format: 'der' }),
    explicit(0, ...attributes),
  );
  const signature = bitString(sign('sha256', body, own.key));
  return {
    key: own.pem,
    request: pem('CERTIFICATE REQUEST', sequence(body, sequence(oid(oids.ecdsaWithSha256)), signature)),
  };
}
