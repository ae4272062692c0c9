import type { CertificateSigningRequest } from '../api/generated/certificates-v1.ts';

/** What a PKCS #10 request says. */
export interface RequestFacts {
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  addresses: string[];
  /** Mail addresses and URIs. */
  otherNames: string[];
  /** Whether it is signed with its own key. */
  verified: boolean;
}

export type SigningPlan = { action: 'sign' } | { action: 'ignore' } | { action: 'refuse'; message: string };

const clientUsages = ['digital signature', 'key encipherment', 'client auth'];
const servingUsages = ['digital signature', 'key encipherment', 'server auth'];

/** What each of Kubernetes's signers asks of a request (kubernetes pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go). */
export function planSigning({ spec }: CertificateSigningRequest, facts: RequestFacts): SigningPlan {
  const check = signers[spec.signerName];
  if (!check) return { action: 'ignore' };
  const message = facts.verified ? check(facts, spec.usages ?? []) : 'the request is not signed with its own key';
  return message ? { action: 'refuse', message } : { action: 'sign' };
}

/** Each tells what is wrong, '' if nothing is. */
const signers: Record<string, (facts: RequestFacts, usages: readonly string[]) => string> = {
  'kubernetes.io/kube-apiserver-client': (_facts, usages) => missingUsage(usages, 'client auth', clientUsages),
  'kubernetes.io/kube-apiserver-client-kubelet': (facts, usages) =>
    nodeProblem(facts) ||
    (facts.dnsNames.length || facts.addresses.length || facts.otherNames.length
      ? 'subject alternative names are not allowed'
      : '') ||
    missingUsage(usages, 'client auth', clientUsages),
  'kubernetes.io/kubelet-serving': (facts, usages) =>
    nodeProblem(facts) ||
    (facts.dnsNames.length + facts.addresses.length === 0 ? 'DNS or IP subjectAltName is required' : '') ||
    (facts.otherNames.length ? 'email and URI subjectAltNames are not allowed' : '') ||
    missingUsage(usages, 'server auth', servingUsages),
  'kubernetes.io/legacy-unknown': () => '',
};

function nodeProblem({ commonName, organizations }: RequestFacts): string {
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes') return 'organization is not system:nodes';
  return commonName.startsWith('system:node:') ? '' : 'subject common name does not begin with system:node:';
}

function missingUsage(usages: readonly string[], needed: string, allowed: readonly string[]): string {
  if (!usages.includes(needed)) return `usages did not match [${allowed.join(' ')}]`;
  return usages.every((usage) => allowed.includes(usage)) ? '' : `usages did not match [${allowed.join(' ')}]`;
}
