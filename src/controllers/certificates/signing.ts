import { webcrypto } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { certificateSigningRequests } from '../../api/resource.ts';
import type { ControllerContext, ControllerFactory } from '../../client/controller.ts';
import { planSigning } from './plan-signing.ts';
import { conditionOf, type ParsedRequest, parseRequest } from './request.ts';

/** --cluster-signing-duration, and how far back a certificate is valid against clocks that differ. */
const maxSeconds = 365 * 24 * 3600;
const backdateMs = 5 * 60_000;

interface Authority {
  certificate: string;
  key: string;
}

/** Issues certificates for approved requests of Kubernetes's own signers (kubernetes pkg/controller/certificates/signer). */
export function certificateSigningController(ca: Authority): ControllerFactory {
  return ({ client, informers, clock, log }: ControllerContext) => {
    const all = informers.informer(certificateSigningRequests);
    const writeStatus = (request: CertificateSigningRequest, status: CertificateSigningRequest['status']) =>
      client.update(
        certificateSigningRequests,
        { ...request, status: { ...request.status, ...status } },
        { subresource: 'status' },
      );
    return {
      name: 'csrsigning',
      for: certificateSigningRequests,
      reconcile: async (name) => {
        const request = all.get(name);
        if (!request || !needsSigning(request)) return;
        const parsed = await parseRequest(request);
        const plan = planSigning(request, parsed.facts);
        if (plan.action === 'ignore') return;
        if (plan.action === 'refuse') {
          log.warn('refused to sign', { name, why: plan.message });
          const reason = 'SignerValidationFailure';
          const failed = { type: 'Failed', status: 'True', reason, message: plan.message };
          await writeStatus(request, { conditions: [...(request.status?.conditions ?? []), failed] });
          return;
        }
        const seconds = Math.min(request.spec.expirationSeconds ?? maxSeconds, maxSeconds);
        const notBefore = clock.now() - backdateMs;
        const notAfter = notBefore + seconds * 1000;
        const pem = await sign(parsed, request.spec.usages ?? [], ca, { notBefore, notAfter });
        await writeStatus(request, { certificate: Buffer.from(pem).toString('base64') });
      },
    };
  };
}

function needsSigning(request: CertificateSigningRequest): boolean {
  const has = (type: string) => conditionOf(request, type) !== undefined;
  return !request.status?.certificate && has('Approved') && !has('Denied') && !has('Failed');
}

/** What the names of usages say in a certificate (client-go util/certificate/csr). The last two are of Microsoft and Netscape. */
const keyUsages: Record<string, number> = {
  signing: 1,
  'digital signature': 1,
  'content commitment': 2,
  'key encipherment': 4,
  'data encipherment': 8,
  'key agreement': 16,
  'cert sign': 32,
  'crl sign': 64,
  'encipher only': 128,
  'decipher only': 256,
};
const extendedUsages: Record<string, string> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

async function sign(
  { x509, request, names }: ParsedRequest,
  usages: readonly string[],
  ca: Authority,
  { notBefore, notAfter }: { notBefore: number; notAfter: number },
): Promise<string> {
  const authority = new x509.X509Certificate(ca.certificate);
  const der = x509.PemConverter.decodeFirst(ca.key);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  const extended = [...new Set(usages.flatMap((usage) => extendedUsages[usage] ?? []))];
  const keyUsage = usages.reduce((bits, usage) => bits | (keyUsages[usage] ?? 0), 0);
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
}
