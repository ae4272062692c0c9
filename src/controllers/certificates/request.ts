import { webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { RequestFacts } from './plan-signing.ts';

export type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number];

export const conditionOf = ({ status }: CertificateSigningRequest, type: string): Condition | undefined =>
  status?.conditions?.find((one) => one.type === type);

export interface ParsedRequest {
  x509: typeof X509;
  request: X509.Pkcs10CertificateRequest;
  /** Subject alternative names. */
  names: X509.GeneralName[];
  facts: RequestFacts;
}

/** The library is loaded when the first request comes: most clusters never see one. */
export async function parseRequest({ spec }: CertificateSigningRequest): Promise<ParsedRequest> {
  // What @peculiar/x509 is built with wants it.
  await import('reflect-metadata');
  const loaded = (await import('@peculiar/x509')) as typeof X509 & { default?: typeof X509 };
  // In the bundle a CommonJS package has a default export only.
  const x509 = loaded.cryptoProvider ? loaded : (loaded.default as typeof X509);
  x509.cryptoProvider.set(webcrypto as Crypto);
  const request = new x509.Pkcs10CertificateRequest(Buffer.from(spec.request, 'base64').toString('utf8'));
  const found = request.getExtension('2.5.29.17') as X509.SubjectAlternativeNameExtension | null;
  const names = [...(found?.names.items ?? [])];
  const ofType = (type: X509.GeneralNameType) => names.filter((name) => name.type === type).map(({ value }) => value);
  const facts: RequestFacts = {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: ofType('dns'),
    addresses: ofType('ip'),
    mailAddresses: ofType('email'),
    urls: ofType('url'),
    verified: await request.verify(),
  };
  return { x509, request, names, facts };
}
