import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';

/** What a PKCS #10 request says. */
export interface RequestFacts {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  addresses: string[];
  mailAddresses: string[];
  urls: string[];
  /** Whether it is signed with its own key. */
  verified: boolean;
}

export type SigningPlan = { action: 'sign' } | { action: 'ignore' } | { action: 'refuse'; message: string };

export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';

/** What each of Kubernetes's signers asks of a request (kubernetes pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go). */
export function planSigning({ spec }: CertificateSigningRequest, facts: RequestFacts): SigningPlan {
  const check = signers[spec.signerName];
  if (!check) return { action: 'ignore' };
  const message = facts.verified ? check(facts, spec.usages ?? []) : 'the request is not signed with its own key';
  return message ? { action: 'refuse', message } : { action: 'sign' };
}

/** Each tells what is wrong, '' if nothing is. */
const signers: Record<string, (facts: RequestFacts, usages: readonly string[]) => string> = {
  'kubernetes.io/kube-apiserver-client': (_facts, usages) => clientUsageProblem(usages),
  [kubeletClientSigner]: kubeletClientProblem,
  'kubernetes.io/kubelet-serving': (facts, usages) =>
    organizationProblem(facts) ||
    (facts.dnsNames.length + facts.addresses.length === 0 ? 'DNS or IP subjectAltName is required' : '') ||
    (facts.mailAddresses.length > 0 ? 'Email subjectAltNames are not allowed' : '') ||
    (facts.urls.length > 0 ? 'URI subjectAltNames are not allowed' : '') ||
    usageProblem(usages, 'server auth') ||
    nameProblem(facts),
  'kubernetes.io/legacy-unknown': () => '',
};

/** What is wrong with a request for a kubelet's client certificate, '' if nothing is. */
export function kubeletClientProblem(facts: RequestFacts, usages: readonly string[]): string {
  return (
    organizationProblem(facts) ||
    (facts.dnsNames.length > 0 ? 'DNS subjectAltNames are not allowed' : '') ||
    (facts.mailAddresses.length > 0 ? 'Email subjectAltNames are not allowed' : '') ||
    (facts.addresses.length > 0 ? 'IP subjectAltNames are not allowed' : '') ||
    (facts.urls.length > 0 ? 'URI subjectAltNames are not allowed' : '') ||
    nameProblem(facts) ||
    usageProblem(usages, 'client auth')
  );
}

function organizationProblem({ organizations }: RequestFacts): string {
  const isNodes = organizations.length === 1 && organizations[0] === 'system:nodes';
  return isNodes ? '' : 'subject organization is not system:nodes';
}

function nameProblem({ commonName }: RequestFacts): string {
  return commonName.startsWith('system:node:') ? '' : 'subject common name does not begin with system:node:';
}

/** A kubelet's certificate has just these usages; without key encipherment where the key is not of RSA. */
function usageProblem(usages: readonly string[], purpose: string): string {
  const wanted = [purpose, 'digital signature', 'key encipherment'];
  const given = new Set(usages);
  const good = given.has(purpose) && given.has('digital signature') && usages.every((usage) => wanted.includes(usage));
  return good ? '' : `usages did not match [${wanted.sort().join(' ')}]`;
}

function clientUsageProblem(usages: readonly string[]): string {
  const odd = usages.find((usage) => !['client auth', 'digital signature', 'key encipherment'].includes(usage));
  if (odd) return `invalid usage for client certificate: ${odd}`;
  return usages.includes('client auth') ? '' : 'missing required usage for client certificate: client auth';
}
