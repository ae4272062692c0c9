import { webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import type { CertificateSigningRequest } from '../api/generated/certificates-v1.ts';
import { builtin } from '../api/resource.ts';
import { formatTime } from '../api/time.ts';
import type { ControllerContext, ControllerFactory } from '../client/controller.ts';
import { planSigning, type RequestFacts } from './plan-signing.ts';

const requests = builtin<CertificateSigningRequest>('certificates.k8s.io', 'v1', 'certificatesigningrequests');

/** --cluster-signing-duration, and how far back a certificate is valid against clocks that differ. */
const maxSeconds = 365 * 24 * 3600;
const backdateMs = 5 * 60_000;

/** Issues certificates for approved requests of Kubernetes's own signers (kubernetes pkg/controller/certificates/signer). */
export function certificateSigningController(ca: { certificate: string; key: string }): ControllerFactory {
  return ({ client, informers, clock, log }: ControllerContext) => {
    const all = informers.informer(requests);
    return {
      name: 'certificatesigningrequest-signing',
      for: requests,
      reconcile: async (name) => {
        const request = all.get(name);
        if (!request || !needsSigning(request)) return;
        const parsed = await parseRequest(request);
        const plan = planSigning(request, parsed.facts);
        if (plan.action === 'ignore') return;
        const now = clock.now();
        if (plan.action === 'refuse') {
          log.warn('refused to sign', { name, why: plan.message });
          const time = formatTime(new Date(now));
          const failed = {
            type: 'Failed',
            status: 'True',
            reason: 'SignerValidationFailure',
            message: plan.message,
            lastUpdateTime: time,
            lastTransitionTime: time,
          };
          const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), failed] };
          await client.update(requests, { ...request, status }, { subresource: 'status' });
          return;
        }
        const seconds = Math.min(request.spec.expirationSeconds ?? maxSeconds, maxSeconds);
        const pem = await parsed.sign(ca, { notBefore: now - backdateMs, notAfter: now - backdateMs + seconds * 1000 });
        const certificate = Buffer.from(pem).toString('base64');
        await client.update(
          requests,
          { ...request, status: { ...request.status, certificate } },
          { subresource: 'status' },
        );
      },
    };
  };
}

function needsSigning({ status }: CertificateSigningRequest): boolean {
  const has = (type: string) => status?.conditions?.some((one) => one.type === type);
  return !status?.certificate && Boolean(has('Approved')) && !has('Denied') && !has('Failed');
}

interface ParsedRequest {
  facts: RequestFacts;
  sign(ca: { certificate: string; key: string }, validity: { notBefore: number; notAfter: number }): Promise<string>;
}

/** The library is loaded when the first request comes: most clusters never see one. */
async function parseRequest({ spec }: CertificateSigningRequest): Promise<ParsedRequest> {
  // What @peculiar/x509 is built with wants it.
  await import('reflect-metadata');
  const loaded = (await import('@peculiar/x509')) as typeof X509 & { default?: typeof X509 };
  // In the bundle a CommonJS package has a default export only.
  const x509 = loaded.cryptoProvider ? loaded : (loaded.default as typeof X509);
  x509.cryptoProvider.set(webcrypto as Crypto);
  const request = new x509.Pkcs10CertificateRequest(Buffer.from(spec.request, 'base64').toString('utf8'));
  const names = (request.getExtension('2.5.29.17') as X509.SubjectAlternativeNameExtension | null)?.names.items ?? [];
  const facts: RequestFacts = {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: names.filter(({ type }) => type === 'dns').map(({ value }) => value),
    addresses: names.filter(({ type }) => type === 'ip').map(({ value }) => value),
    otherNames: names.filter(({ type }) => type === 'email' || type === 'url').map(({ value }) => value),
    verified: await request.verify(),
  };
  return {
    facts,
    async sign(ca, { notBefore, notAfter }) {
      const authority = new x509.X509Certificate(ca.certificate);
      const der = x509.PemConverter.decodeFirst(ca.key);
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
      const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
      const usages = spec.usages ?? [];
      const extended = [
        ...(usages.includes('server auth') ? [x509.ExtendedKeyUsage.serverAuth] : []),
        ...(usages.includes('client auth') ? [x509.ExtendedKeyUsage.clientAuth] : []),
      ];
      const keyUsage =
        (usages.includes('digital signature') ? x509.KeyUsageFlags.digitalSignature : 0) |
        (usages.includes('key encipherment') ? x509.KeyUsageFlags.keyEncipherment : 0);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
          .toString('hex')
          .replace(/^./, '4'),
        subject: request.subjectName,
        issuer: authority.subjectName,
        notBefore: new Date(notBefore),
        notAfter: new Date(Math.min(notAfter, authority.notAfter.getTime())),
        publicKey: request.publicKey,
        signingKey: signingKey as CryptoKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          ...(keyUsage ? [new x509.KeyUsagesExtension(keyUsage, true)] : []),
          ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
          await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey, false, webcrypto as Crypto),
          ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
        ],
      });
      return `${certificate.toString('pem')}\n`;
    },
  };
}
