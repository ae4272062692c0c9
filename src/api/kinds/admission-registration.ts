import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../generated/admissionregistration-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, invalidEach, invalidValue, notSupported, required } from '../validation/field-error.ts';
import { matchConditionErrors } from '../validation/match-conditions.ts';
import { webhookRuleErrors } from '../validation/webhook-rules.ts';

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

/** pkg/apis/admissionregistration/v1/defaults.go and validation/validation.go. */
function webhookConfiguration<T extends Configuration>(type: string, mutating: boolean): Kind<T> {
  return {
    type,
    hasGeneration: true,
    defaults({ webhooks = [] }) {
      for (const webhook of webhooks as MutatingWebhook[]) {
        webhook.failurePolicy ??= 'Fail';
        webhook.matchPolicy ??= 'Equivalent';
        webhook.namespaceSelector ??= {};
        webhook.objectSelector ??= {};
        webhook.timeoutSeconds ??= 10;
        if (mutating) webhook.reinvocationPolicy ??= 'Never';
        const { service } = webhook.clientConfig ?? {};
        if (service) service.port ??= 443;
        for (const rule of webhook.rules ?? []) rule.scope ??= '*';
      }
    },
    prepareForUpdate(configuration, old) {
      if (JSON.stringify(configuration.webhooks) !== JSON.stringify(old.webhooks) && old.metadata.generation)
        configuration.metadata.generation = old.metadata.generation + 1;
    },
    validate: ({ webhooks = [] }) => webhookErrors(webhooks as MutatingWebhook[]),
  };
}

function webhookErrors(webhooks: MutatingWebhook[]): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, webhook] of webhooks.entries()) {
    const path = at('webhooks', i);
    if (seen.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
    seen.add(webhook.name);
    errors.push(...oneWebhookErrors(webhook, path));
  }
  return errors;
}

const policies = {
  failurePolicy: ['Fail', 'Ignore'],
  matchPolicy: ['Equivalent', 'Exact'],
  reinvocationPolicy: ['IfNeeded', 'Never'],
};

function oneWebhookErrors(webhook: MutatingWebhook, path: string): Cause[] {
  const errors: Cause[] = [];
  const { name, clientConfig, sideEffects, timeoutSeconds = 10, admissionReviewVersions = [], rules = [] } = webhook;
  const named = dns1123Subdomain(name);
  if (!name) errors.push(required(`${path}.name`));
  else if (named.length > 0) errors.push(...invalidEach(`${path}.name`, name, named));
  else if (name.split('.').length < 3)
    errors.push(
      invalidValue(`${path}.name`, name, 'should be a domain with at least three segments separated by dots'),
    );
  const versions = `${path}.admissionReviewVersions`;
  if (admissionReviewVersions.length === 0) errors.push(required(versions, 'must specify one of v1, v1beta1'));
  else if (!admissionReviewVersions.some((version) => version === 'v1' || version === 'v1beta1'))
    errors.push(invalidValue(versions, admissionReviewVersions, 'must include at least one of v1, v1beta1'));
  for (const [i, rule] of rules.entries()) errors.push(...webhookRuleErrors(rule, `${path}.rules[${i}]`));
  for (const [field, supported] of Object.entries(policies)) {
    const value = webhook[field as keyof typeof policies];
    if (value !== undefined && !supported.includes(value))
      errors.push(notSupported(`${path}.${field}`, value, supported));
  }
  if (!sideEffects) errors.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else if (sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun')
    errors.push(notSupported(`${path}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']));
  if (timeoutSeconds < 1 || timeoutSeconds > 30)
    errors.push(
      invalidValue(`${path}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  errors.push(...matchConditionErrors(webhook.matchConditions, `${path}.matchConditions`));
  const { url, service } = clientConfig ?? {};
  if (!url === !service) errors.push(required(`${path}.clientConfig`, 'exactly one of url or service is required'));
  else if (url && !url.startsWith('https://'))
    errors.push(
      invalidValue(
        `${path}.clientConfig.url`,
        url,
        `'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      ),
    );
  else if (service && !service.name)
    errors.push(required(`${path}.clientConfig.service.name`, 'service name is required'));
  else if (service && !service.namespace)
    errors.push(required(`${path}.clientConfig.service.namespace`, 'service namespace is required'));
  return errors;
}

export const mutatingWebhookConfiguration = webhookConfiguration<MutatingWebhookConfiguration>(
  'admissionregistration/v1.MutatingWebhookConfiguration',
  true,
);
export const validatingWebhookConfiguration = webhookConfiguration<ValidatingWebhookConfiguration>(
  'admissionregistration/v1.ValidatingWebhookConfiguration',
  false,
);
