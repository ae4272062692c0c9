import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** A signing key with the public facts that go with it. */
export interface SigningKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
  /** Key id: the hash of the public key, as kube-apiserver names keys (pkg/serviceaccount/jwt.go). */
  id: string;
}

export type Claims = Record<string, unknown>;

export function signingKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const id = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { privateKey, publicKey, id };
}

/** A JSON Web Token signed with ES256 (RFC 7515, RFC 7518 section 3.4). */
export function signJwt(key: SigningKey, claims: Claims): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${encode({ alg: 'ES256', kid: key.id })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(body), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${body}.${signature.toString('base64url')}`;
}

/** The claims without any check of the signature, undefined when this is no JWT. */
export function decodeJwt(token: string): { header: Claims; claims: Claims } | undefined {
  const [header, claims, signature, ...rest] = token.split('.');
  if (!header || !claims || !signature || rest.length > 0) return undefined;
  try {
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;
    const decoded = { header: decode(header), claims: decode(claims) };
    return isObject(decoded.header) && isObject(decoded.claims)
      ? { header: decoded.header, claims: decoded.claims }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `key` signed the token. Only ES256 is accepted, whatever the header says. */
export function verifyJwt(key: SigningKey, token: string): boolean {
  if (decodeJwt(token)?.header.alg !== 'ES256') return false;
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  return verify(
    'sha256',
    Buffer.from(token.slice(0, end)),
    { key: key.publicKey, dsaEncoding: 'ieee-p1363' },
    signature,
  );
}

/** The public half as a JSON Web Key (RFC 7517). */
export function publicJwk(key: SigningKey): Record<string, string> {
  const { kty, crv, x, y } = key.publicKey.export({ format: 'jwk' }) as Record<string, string>;
  return { use: 'sig', kty: kty!, kid: key.id, crv: crv!, alg: 'ES256', x: x!, y: y! };
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
