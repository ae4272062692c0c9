import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { PodCertificateRequest, PodCertificateRequestSpec } from '../generated/certificates-v1beta1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain } from '../names.ts';
import { pemBlocks } from '../pem.ts';
import { requestedKey } from '../pkcs10.ts';
import type { Cause } from '../status-error.ts';
import {
  forbiddenField,
  immutable,
  invalidEach,
  invalidValue,
  notSupported,
  required,
  sameValue,
  tooLong,
} from '../validation/field-error.ts';
import { validateMaxExpiration, validateSignerName, validateUserAnnotations } from '../validation/signer.ts';
import { parseCertificate } from './cluster-trust-bundle.ts';

const hour = 3600;
const maxKeyBytes = 10 * 1024;
const maxChainBytes = 100 * 1024;
const finalTypes = ['Issued', 'Denied', 'Failed'];
const minuteMs = 60_000;

/** pkg/apis/certificates/validation ValidatePodCertificateRequest*. That notBefore is near the server's time is seen by admission. */
export const podCertificateRequest: Kind<PodCertificateRequest> = {
  type: 'certificates/v1beta1.PodCertificateRequest',
  hasGeneration: false,
  selectableFields: {
    'spec.signerName': ({ spec }) => spec.signerName,
    'spec.podName': ({ spec }) => spec.podName,
    'spec.nodeName': ({ spec }) => spec.nodeName,
  },
  validate: ({ spec }) => {
    const errors = [
      ...validateSignerName('spec.signerName', spec.signerName),
      ...validateUserAnnotations(spec.unverifiedUserAnnotations, 'spec.unverifiedUserAnnotations'),
      ...nameErrors(spec),
    ];
    const lifetime = validateMaxExpiration(
      spec.signerName ?? '',
      spec.maxExpirationSeconds,
      'spec.maxExpirationSeconds',
    );
    return [...errors, ...lifetime, ...keyErrors(spec)];
  },
  validateUpdate: (request, old) => immutable('spec', request.spec, old.spec),
  validateStatusUpdate: statusErrors,
};

function nameErrors(spec: PodCertificateRequestSpec): Cause[] {
  const names = ['podName', 'serviceAccountName', 'nodeName'] as const;
  const uids = ['podUID', 'serviceAccountUID', 'nodeUID'] as const;
  return [
    ...names.flatMap((name) => invalidEach(`spec.${name}`, spec[name], dns1123Subdomain(spec[name] ?? ''))),
    ...uids.flatMap((uid) => {
      if (!spec[uid]) return [invalidValue(`spec.${uid}`, spec[uid], 'must not be empty')];
      return spec[uid].length > 128 ? [tooLong(`spec.${uid}`, 128)] : [];
    }),
  ];
}

const bytesOf = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64');

/** The key comes in a request that is signed with it, or, as until 1.35, beside a signature of the Pod's UID. */
function keyErrors(spec: PodCertificateRequestSpec): Cause[] {
  const long = (['stubPKCS10Request', 'pkixPublicKey', 'proofOfPossession'] as const).filter(
    (field) => bytesOf(spec[field]).length > maxKeyBytes,
  );
  if (long.length > 0) return long.map((field) => tooLong(`spec.${field}`, maxKeyBytes));
  if (!spec.stubPKCS10Request) return provenKeyErrors(spec);
  const old = (['pkixPublicKey', 'proofOfPossession'] as const).filter((field) => spec[field]);
  if (old.length > 0)
    return old.map((field) => forbiddenField(`spec.${field}`, 'must be empty if stubPKCS10Request is set'));
  const field = 'spec.stubPKCS10Request';
  try {
    return kindErrors(requestedKey(bytesOf(spec.stubPKCS10Request)), field);
  } catch {
    return [invalidValue(field, '<value omitted>', 'must be a valid PKCS#10 request, signed by its own key')];
  }
}

function provenKeyErrors(spec: PodCertificateRequestSpec): Cause[] {
  const field = 'spec.pkixPublicKey';
  const key = pkixKey(spec);
  if (!key) return [invalidValue(field, spec.pkixPublicKey ?? '', 'must be a valid PKIX-serialized public key')];
  const errors = kindErrors(key, field);
  if (errors.length > 0) return errors;
  const isRsa = key.asymmetricKeyType === 'rsa';
  const proven = verify(
    key.asymmetricKeyType === 'ed25519' ? null : 'sha256',
    Buffer.from(spec.podUID ?? ''),
    { key, ...(isRsa ? { padding: constants.RSA_PKCS1_PSS_PADDING } : {}) },
    bytesOf(spec.proofOfPossession),
  );
  const message = 'could not verify proof-of-possession signature';
  return proven ? [] : [invalidValue('spec.proofOfPossession', '<value omitted>', message)];
}

function pkixKey({ pkixPublicKey }: PodCertificateRequestSpec): KeyObject | undefined {
  try {
    return createPublicKey({ key: bytesOf(pkixPublicKey), type: 'spki', format: 'der' });
  } catch {
    return undefined;
  }
}

function kindErrors(key: KeyObject, field: string): Cause[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return [];
  if (type === 'ec')
    return ['prime256v1', 'secp384r1', 'secp521r1'].includes(details?.namedCurve ?? '')
      ? []
      : [invalidValue(field, `curve ${details?.namedCurve}`, 'elliptic public keys must use curve P256 or P384')];
  if (type === 'rsa')
    return [3072, 4096].includes(details?.modulusLength ?? 0)
      ? []
      : [invalidValue(field, `${details?.modulusLength}-bit modulus`, 'RSA keys must have modulus size 3072 or 4096')];
  return [invalidValue(field, type, 'unknown public key type; supported types are Ed25519, ECDSA, and RSA')];
}

type Status = NonNullable<PodCertificateRequest['status']>;

const has = ({ status }: PodCertificateRequest, ...types: string[]) =>
  (status?.conditions ?? []).some(({ type, status: value }) => types.includes(type) && value === 'True');

function statusErrors(request: PodCertificateRequest, old: PodCertificateRequest): Cause[] {
  const errors = conditionErrors(request.status?.conditions ?? []);
  if (errors.length > 0) return errors;
  const status = (detail: string) => [invalidValue('status', '<value omitted>', detail)];
  if (has(old, ...finalTypes))
    return sameValue(request.status, old.status)
      ? []
      : status('immutable after PodCertificateRequest is issued, denied, or failed');
  if (has(request, 'Denied', 'Failed')) {
    const { conditions: _, ...others } = request.status ?? {};
    return Object.values(others).some((value) => value !== undefined && value !== '')
      ? status('non-condition status fields must be empty when denying or failing the PodCertificateRequest')
      : [];
  }
  if (has(request, 'Issued')) return issuedErrors(request.status ?? {}, request.spec);
  return sameValue(request.status ?? {}, old.status ?? {})
    ? []
    : status('status is immutable unless transitioning to "Issued", "Denied", or "Failed"');
}

function conditionErrors(conditions: NonNullable<Status['conditions']>): Cause[] {
  let known = 0;
  return conditions.flatMap(({ type, status, reason }, i) => {
    const path = `status.conditions[${i}]`;
    if (!finalTypes.includes(type)) return [notSupported(`${path}.type`, type, finalTypes)];
    known++;
    return [
      ...(known > 1
        ? [
            invalidValue(
              `${path}.type`,
              type,
              'There may be at most one condition with type "Issued", "Denied", or "Failed"',
            ),
          ]
        : []),
      ...(status === 'True' ? [] : [notSupported(`${path}.status`, status, ['True'])]),
      ...(reason ? [] : [required(`${path}.reason`)]),
    ];
  });
}

/** The certificate is for the key that was asked for, and its times are those that it says. */
function issuedErrors(status: Status, spec: PodCertificateRequestSpec): Cause[] {
  const { certificateChain = '', notBefore, notAfter, beginRefreshAt } = status;
  const chain = (detail: string, value: unknown = certificateChain) => [
    invalidValue('status.certificateChain', value, detail),
  ];
  if (certificateChain.length > maxChainBytes) return [tooLong('status.certificateChain', maxChainBytes)];
  const blocks = pemBlocks(certificateChain);
  if (blocks.length === 0) return chain('issued certificate chain must contain at least one certificate');
  if (blocks.some(({ type }) => type !== 'CERTIFICATE'))
    return chain('issued certificate chain must consist entirely of CERTIFICATE PEM blocks');
  const [leaf, ...others] = blocks.map(({ bytes }) => parseCertificate(bytes));
  if (!leaf) return chain('leaf certificate does not parse as valid X.509');
  const wanted = spec.stubPKCS10Request ? requestedKey(bytesOf(spec.stubPKCS10Request)) : pkixKey(spec);
  if (!wanted?.equals(leaf.publicKey)) return chain('leaf certificate was not issued to the requested public key');
  const missing = [
    ...(notBefore ? [] : [required('status.notBefore', 'must be present and consistent with the issued certificate')]),
    ...(notAfter ? [] : [required('status.notAfter', 'must be present and consistent with the issued certificate')]),
    ...(beginRefreshAt
      ? []
      : [required('status.beginRefreshAt', 'must be present and in the range [notbefore+10min, notafter-10min]')]),
  ];
  if (missing.length > 0) return missing;
  const [from, to, refresh] = [notBefore, notAfter, beginRefreshAt].map((time) => Date.parse(time ?? '')) as [
    number,
    number,
    number,
  ];
  const encoded = (which: string) => `must be set to the ${which} time encoded in the leaf certificate`;
  if (from !== Date.parse(leaf.validFrom)) return [invalidValue('status.notBefore', notBefore, encoded('NotBefore'))];
  if (to !== Date.parse(leaf.validTo)) return [invalidValue('status.notAfter', notAfter, encoded('NotAfter'))];
  const seconds = (to - from) / 1000;
  const most = spec.maxExpirationSeconds ?? 24 * hour;
  if (seconds < hour) return chain('leaf certificate lifetime must be >= 1 hour', `${seconds}s`);
  if (seconds > most)
    return chain(`leaf certificate lifetime must be <= spec.maxExpirationSeconds (${most})`, `${seconds}s`);
  if (refresh < from + 10 * minuteMs)
    return [
      invalidValue('status.beginRefreshAt', beginRefreshAt, 'must be at least 10 minutes after status.notBefore'),
    ];
  if (refresh > to - 10 * minuteMs)
    return [
      invalidValue('status.beginRefreshAt', beginRefreshAt, 'must be at least 10 minutes before status.notAfter'),
    ];
  return others.some((one) => !one) ? chain('intermediate certificate does not parse as valid X.509') : [];
}
