import type { CertificateSigningRequest } from '../generated/certificates-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidEach, invalidValue, required, sameValue } from '../validation/field-error.ts';

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
    if (!spec.request) errors.push(required('spec.request', 'must be specified'));
    else if (!/-----BEGIN CERTIFICATE REQUEST-----/.test(Buffer.from(spec.request, 'base64').toString('latin1')))
      errors.push(invalidValue('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
    const [domain = '', ...path] = (spec.signerName ?? '').split('/');
    if (!spec.signerName) errors.push(required('spec.signerName'));
    else if (path.length === 0)
      errors.push(
        invalidValue(
          'spec.signerName',
          spec.signerName,
          'must be a fully qualified domain and path of the form "example.com/signer-name"',
        ),
      );
    else errors.push(...invalidEach('spec.signerName', domain, dns1123Subdomain(domain)));
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
    const errors: Cause[] = [];
    const { conditions = [], certificate } = request.status ?? {};
    const types = conditions.map(({ type }) => type);
    if (types.includes('Approved') && types.includes('Denied'))
      errors.push(invalidValue('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'));
    for (const type of finalTypes)
      if (old.status?.conditions?.some((one) => one.type === type) && !types.includes(type))
        errors.push(forbiddenField('status.conditions', `updates may not remove a condition of type "${type}"`));
    if (old.status?.certificate && certificate !== old.status.certificate)
      errors.push(forbiddenField('status.certificate', 'updates may not set certificate when one is already issued'));
    return errors;
  },
};

type Conditions = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>;
