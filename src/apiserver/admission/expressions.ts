import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
} from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { invalid } from '../../api/status-error.ts';
import { sameValue } from '../../api/validation/field-error.ts';
import type { AdmissionPlugin } from '../request.ts';

type Checked = MutatingAdmissionPolicy & ValidatingAdmissionPolicy & ValidatingWebhookConfiguration;

const checked = new Set([
  'validatingadmissionpolicies',
  'mutatingadmissionpolicies',
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
]);

/**
 * Expressions of policies and match conditions must compile. Part of validation in Kubernetes; here because only this
 * may wait until the compiler is loaded.
 */
export const admissionExpressions: AdmissionPlugin = {
  name: 'AdmissionExpressions',
  handles: ({ resource, subresource, operation, object }) =>
    resource.group === 'admissionregistration.k8s.io' &&
    checked.has(resource.resource) &&
    subresource === '' &&
    operation !== 'DELETE' &&
    object !== undefined &&
    hasExpressions(object as Checked),
  async validate({ resource, object, oldObject }) {
    if (oldObject && sameExpressions(object as Checked, oldObject as Checked)) return;
    const { matchConditionExpressionErrors, policyExpressionErrors } = await import('../../api/cel/policy-checks.ts');
    const causes = (object as Checked).webhooks
      ? matchConditionExpressionErrors((object as Checked).webhooks ?? [])
      : policyExpressionErrors(object as Checked);
    if (causes.length > 0) throw invalid(resource, (object as KubeObject).metadata.name, causes);
  },
};

const hasExpressions = ({ spec, webhooks = [] }: Checked) =>
  Boolean(spec) || webhooks.some(({ matchConditions }) => matchConditions?.length);

const sameExpressions = (now: Checked, before: Checked) =>
  sameValue(now.spec, before.spec) && sameValue(now.webhooks, before.webhooks);
