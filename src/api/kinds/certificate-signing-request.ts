import type { CertificateSigningRequest } from '../generated/certificates-v1.ts';
import type { Kind } from '../kind.ts';
import type { Cause } from '../status-error.ts';
import {
  at,
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  sameValue,
} from '../validation/field-error.ts';
import { validateSignerName } from '../validation/signer.ts';

const finalTypes = ['Approved', 'Denied', 'Failed'];

/** pkg/apis/certificates/validation and pkg/registry/certificates. Who asks is written down by admission, which knows. */
export const certificateSigningRequest: Kind<CertificateSigningRequest> = {
  type: 'certificates/v1.CertificateSigningRequest',
  hasGeneration: false,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  prepareForUpdate(request, old) {
    request.spec = old.spec;
  },
  prepareForStatusUpdate(request, old) {
    // Only /approval may approve and deny.
    const decided = (conditions: Conditions) =>
      conditions.filter(({ type }) => type === 'Approved' || type === 'Denied');
    const conditions = request.status?.conditions ?? [];
    const before = old.status?.conditions ?? [];
    if (sameValue(decided(conditions), decided(before))) return;
    const others = conditions.filter(({ type }) => type !== 'Approved' && type !== 'Denied');
    request.status = { ...request.status, conditions: [...decided(before), ...others] };
  },
  validate({ spec }) {
    const errors: Cause[] = [];
    if (!spec.usages?.length) errors.push(required('spec.usages'));
    for (const [i, usage] of (spec.usages ?? []).entries()) {
      if (!usages.includes(usage)) errors.push(notSupported(at('spec.usages', i), usage, usages));
      else if (spec.usages!.indexOf(usage) < i) errors.push(duplicate(at('spec.usages', i), usage));
    }
    if (!spec.request) errors.push(required('spec.request', 'must be specified'));
    else if (!/-----BEGIN CERTIFICATE REQUEST-----/.test(Buffer.from(spec.request, 'base64').toString('latin1')))
      errors.push(invalidValue('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
    errors.push(...validateSignerName('spec.signerName', spec.signerName));
    if (spec.expirationSeconds !== undefined && spec.expirationSeconds < 600)
      errors.push(
        invalidValue(
          'spec.expirationSeconds',
          spec.expirationSeconds,
          'may not specify a duration less than 600 seconds (10 minutes)',
        ),
      );
    return errors;
  },
  validateUpdate: () => [],
  validateStatusUpdate(request, old) {
    const [now, before] = [request.status?.certificate, old.status?.certificate];
    const errors = conditionCauses(request, old);
    if (before && now !== before)
      errors.push(forbiddenField('status.certificate', 'updates may not modify existing certificate content'));
    if (now && now !== before) {
      const text = Buffer.from(now, 'base64').toString('latin1');
      if (!/-----BEGIN CERTIFICATE-----/.test(text))
        errors.push(invalidValue('status.certificate', '<certificate data>', 'must contain at least one certificate'));
    }
    return errors;
  },
};

/** What an update of the conditions may not do, whether through /approval or /status. */
export function conditionCauses(request: CertificateSigningRequest, old: CertificateSigningRequest): Cause[] {
  const errors: Cause[] = [];
  const field = 'status.conditions';
  const conditions = request.status?.conditions ?? [];
  const types = conditions.map(({ type }) => type);
  for (const [i, { type, status }] of conditions.entries()) {
    if (!type) errors.push(required(`${at(field, i)}.type`));
    else if (types.indexOf(type) < i) errors.push(duplicate(`${at(field, i)}.type`, type));
    const allowed = finalTypes.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (!status) errors.push(required(`${at(field, i)}.status`));
    else if (!allowed.includes(status)) errors.push(notSupported(`${at(field, i)}.status`, status, allowed));
  }
  const has = (all: Conditions, type: string) => all.some((one) => one.type === type);
  if (has(conditions, 'Approved') && has(conditions, 'Denied'))
    errors.push(invalidValue(field, 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  for (const type of finalTypes)
    if (has(old.status?.conditions ?? [], type) && !has(conditions, type))
      errors.push(forbiddenField(field, `updates may not remove a condition of type ${JSON.stringify(type)}`));
  return errors;
}

type Conditions = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>;

const usages = [
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
].sort();
