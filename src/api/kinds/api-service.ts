import type { APIService } from '../generated/apiregistration-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, invalidEach, invalidValue, notSupported, required } from '../validation/field-error.ts';

const statuses = ['True', 'False', 'Unknown'];

/** kube-aggregator pkg/apis/apiregistration/validation. */
export const apiService: Kind<APIService> = {
  type: 'apiregistration/v1.APIService',
  nameRule: 'pathSegment',
  hasGeneration: false,
  defaults({ spec }) {
    if (spec.service) spec.service.port ??= 443;
  },
  validate,
  validateUpdate: validate,
  validateStatusUpdate({ status }) {
    return (status?.conditions ?? []).flatMap((condition, i) =>
      statuses.includes(condition.status)
        ? []
        : [notSupported(`${at('status.conditions', i)}.status`, condition.status, statuses)],
    );
  },
};

function validate({ metadata, spec }: APIService): Cause[] {
  const errors: Cause[] = [];
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service } = spec;
  const name = `${version}.${group}`;
  if (metadata.name !== name)
    errors.push(
      invalidValue('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`),
    );
  if (group === '' && version !== 'v1')
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  if (group !== '') errors.push(...invalidEach('spec.group', group, dns1123Subdomain(group)));
  errors.push(...invalidEach('spec.version', version, dns1035Label(version)));
  const inRange = (field: string, value: number, most: number) => {
    if (value <= 0 || value > most)
      errors.push(invalidValue(`spec.${field}`, value, `must be positive and less than ${most}`));
  };
  inRange('groupPriorityMinimum', groupPriorityMinimum, 20_000);
  inRange('versionPriority', versionPriority, 1000);
  return [...errors, ...(service ? validateService(spec, service) : validateLocal(spec))];
}

function validateLocal({ caBundle, insecureSkipTLSVerify }: APIService['spec']): Cause[] {
  const errors: Cause[] = [];
  if (caBundle) {
    const shown = `${Buffer.from(caBundle, 'base64').length} bytes`;
    errors.push(invalidValue('spec.caBundle', shown, 'local APIServices may not have a caBundle'));
  }
  if (insecureSkipTLSVerify)
    errors.push(
      invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'),
    );
  return errors;
}

function validateService(
  { caBundle, insecureSkipTLSVerify }: APIService['spec'],
  { namespace, name, port = 443 }: NonNullable<APIService['spec']['service']>,
): Cause[] {
  const errors: Cause[] = [];
  if (!namespace) errors.push(required('spec.service.namespace'));
  if (!name) errors.push(required('spec.service.name'));
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    errors.push(invalidValue('spec.service.port', port, 'port is not valid: must be between 1 and 65535, inclusive'));
  if (insecureSkipTLSVerify && caBundle)
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  return errors;
}
