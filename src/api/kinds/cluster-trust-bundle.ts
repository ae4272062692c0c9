import { X509Certificate } from 'node:crypto';
import type { ClusterTrustBundle } from '../generated/certificates-v1beta1.ts';
import type { Kind } from '../kind.ts';
import { pemBlocks } from '../pem.ts';
import type { Cause } from '../status-error.ts';
import { immutable, invalidEach, invalidValue, tooLong } from '../validation/field-error.ts';
import { bundleNameProblems, validateSignerName } from '../validation/signer.ts';

/** certificates.MaxTrustBundleSize. */
const maxBytes = 1024 * 1024;

/** pkg/apis/certificates/validation ValidateClusterTrustBundle. */
export const clusterTrustBundle: Kind<ClusterTrustBundle> = {
  type: 'certificates/v1beta1.ClusterTrustBundle',
  nameRule: 'pathSegment',
  hasGeneration: false,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  validate: (bundle) => [...nameErrors(bundle), ...anchorErrors(bundle.spec.trustBundle)],
  validateUpdate: (bundle, old) => [
    ...nameErrors(bundle),
    // What was valid once may stay.
    ...(bundle.spec.trustBundle === old.spec.trustBundle ? [] : anchorErrors(bundle.spec.trustBundle)),
    ...immutable('spec.signerName', bundle.spec.signerName, old.spec.signerName),
  ],
};

function nameErrors({ metadata: { name }, spec: { signerName } }: ClusterTrustBundle): Cause[] {
  return [
    ...invalidEach('metadata.name', name, bundleNameProblems(name, signerName)),
    ...(signerName ? validateSignerName('spec.signerName', signerName) : []),
  ];
}

function anchorErrors(text = ''): Cause[] {
  const field = 'spec.trustBundle';
  const wrong = (detail: string) => invalidValue(field, '<value omitted>', detail);
  if (text.length > maxBytes) return [tooLong(field, maxBytes)];
  const blocks = pemBlocks(text);
  const errors = blocks.flatMap(({ type, headers, bytes }, i) => {
    if (type !== 'CERTIFICATE') return [wrong(`entry ${i} has bad block type: ${type}`)];
    if (headers) return [wrong(`entry ${i} has PEM block headers`)];
    const certificate = parseCertificate(bytes);
    if (!certificate) return [wrong(`entry ${i} does not parse as X.509`)];
    return certificate.ca ? [] : [wrong(`entry ${i} does not have the CA bit set`)];
  });
  if (errors.length > 0) return errors;
  if (blocks.length === 0) return [wrong('at least one trust anchor must be provided')];
  const places = Map.groupBy(blocks.keys(), (i) => blocks[i]!.bytes.toString('latin1'));
  return [...places.values()]
    .filter((indices) => indices.length > 1)
    .map((indices) => wrong(`duplicate trust anchor (indices [${indices.join(' ')}])`));
}

export function parseCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
