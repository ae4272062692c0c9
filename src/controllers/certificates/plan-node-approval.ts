import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { Node } from '../../api/generated/core-v1.ts';
import type { RequestFacts } from './plan-signing.ts';

export const kubeletServingSigner = 'kubernetes.io/kubelet-serving';
export const clientSigner = 'kubernetes.io/kube-apiserver-client';
export const proxyUser = 'system:kube-proxy';

/**
 * Whether a node may have the certificate that it asks for: one for its own kubelet, with no other names and addresses
 * than `node`, which asks, has, or that of its service proxy. Pure.
 */
export function mayHaveCertificate(
  { spec }: CertificateSigningRequest,
  facts: RequestFacts,
  node: Node | undefined,
): boolean {
  const { username = '', groups = [], signerName } = spec;
  if (!facts.verified || !username.startsWith('system:node:') || !groups.includes('system:nodes')) return false;
  const others = facts.mailAddresses.length + facts.urls.length;
  if (others > 0) return false;
  if (signerName === clientSigner) {
    const names = facts.organizations.length + facts.dnsNames.length + facts.addresses.length;
    return facts.commonName === proxyUser && names === 0;
  }
  if (signerName !== kubeletServingSigner || facts.commonName !== username) return false;
  if (username !== `system:node:${node?.metadata.name}`) return false;
  const own = new Set([node?.metadata.name, ...(node?.status?.addresses?.map(({ address }) => address) ?? [])]);
  return [...facts.dnsNames, ...facts.addresses].every((name) => own.has(name));
}
