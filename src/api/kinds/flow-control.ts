import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  Subject,
} from '../generated/flowcontrol-v1.ts';
import type { Kind } from '../kind.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import type { Cause } from '../status-error.ts';
import {
  at,
  duplicate,
  forbiddenField,
  invalidEach,
  invalidValue,
  notSupported,
  required,
} from '../validation/field-error.ts';
import { mandatoryLevelErrors, mandatorySchemaErrors } from './flow-control-mandatory.ts';

const maxPrecedence = 10_000;
const verbs = [
  ...['connect', 'create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'],
];

/** pkg/apis/flowcontrol/validation and pkg/apis/flowcontrol/v1/defaults.go. */
export const flowSchema: Kind<FlowSchema> = {
  type: 'flowcontrol/v1.FlowSchema',
  defaults({ spec }) {
    if (!spec.matchingPrecedence) spec.matchingPrecedence = 1000;
  },
  validate: validateSchema,
  validateUpdate: validateSchema,
  validateStatusUpdate: ({ status }) => conditionErrors(status?.conditions),
};

export const priorityLevelConfiguration: Kind<PriorityLevelConfiguration> = {
  type: 'flowcontrol/v1.PriorityLevelConfiguration',
  defaults({ spec }) {
    const { limited } = spec;
    if (limited) {
      limited.nominalConcurrencyShares ??= 30;
      limited.lendablePercent ??= 0;
      const { limitResponse: response } = limited;
      if (response?.queuing) {
        response.queuing.queues ||= 64;
        response.queuing.handSize ||= 8;
        response.queuing.queueLengthLimit ||= 50;
      }
    }
    if (spec.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
  },
  validate: (level) => [...validateLevel(level), ...mandatoryLevelErrors(level)],
  validateUpdate: (level) => [...validateLevel(level), ...mandatoryLevelErrors(level)],
  validateStatusUpdate: ({ status }) => conditionErrors(status?.conditions),
};

function validateSchema(schema: FlowSchema): Cause[] {
  const { metadata, spec } = schema;
  const errors: Cause[] = [];
  const { matchingPrecedence: precedence = 1000, distinguisherMethod, priorityLevelConfiguration: level } = spec;
  const precedenceError = (text: string) => errors.push(invalidValue('spec.matchingPrecedence', precedence, text));
  if (precedence <= 0) precedenceError('must be a positive value');
  if (precedence > maxPrecedence) precedenceError(`must not be greater than ${maxPrecedence}`);
  if (precedence === 1 && metadata.name !== 'exempt')
    precedenceError("only the schema named 'exempt' may have matchingPrecedence 1");
  const method = distinguisherMethod?.type;
  if (distinguisherMethod && method !== 'ByNamespace' && method !== 'ByUser')
    errors.push(notSupported('spec.distinguisherMethod.type', method, ['ByNamespace', 'ByUser']));
  if (!level?.name) errors.push(required('spec.priorityLevelConfiguration.name', 'must reference a priority level'));
  else errors.push(...invalidEach('spec.priorityLevelConfiguration.name', level.name, dns1123Subdomain(level.name)));
  for (const [i, rule] of (spec.rules ?? []).entries()) errors.push(...ruleErrors(at('spec.rules', i), rule));
  return [...errors, ...mandatorySchemaErrors(schema)];
}

function ruleErrors(path: string, rule: PolicyRulesWithSubjects): Cause[] {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  const errors: Cause[] = [];
  if (subjects.length === 0) errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  for (const [i, subject] of subjects.entries()) errors.push(...subjectErrors(at(`${path}.subjects`, i), subject));
  if (resourceRules.length === 0 && nonResourceRules.length === 0)
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  for (const [i, one] of resourceRules.entries()) errors.push(...resourceErrors(at(`${path}.resourceRules`, i), one));
  for (const [i, one] of nonResourceRules.entries())
    errors.push(...nonResourceErrors(at(`${path}.nonResourceRules`, i), one));
  return errors;
}

const subjectFields = { User: 'user', Group: 'group', ServiceAccount: 'serviceAccount' } as const;

function subjectErrors(path: string, subject: Subject): Cause[] {
  const own = subjectFields[subject.kind as keyof typeof subjectFields];
  if (!own) return [notSupported(`${path}.kind`, subject.kind, ['Group', 'ServiceAccount', 'User'])];
  const errors: Cause[] = [];
  const named = subject[own];
  if (!named) errors.push(required(`${path}.${own}`, `${own} is required when subject kind is '${subject.kind}'`));
  else if (!named.name) errors.push(required(`${path}.${own}.name`));
  if (own === 'serviceAccount' && named) {
    const { namespace, name } = subject.serviceAccount!;
    if (name && name !== '*') errors.push(...invalidEach(`${path}.serviceAccount.name`, name, dns1123Subdomain(name)));
    const place = `${path}.serviceAccount.namespace`;
    if (!namespace) errors.push(required(place, 'must specify namespace for service account'));
    else errors.push(...invalidEach(place, namespace, dns1123Label(namespace)));
  }
  for (const [kind, field] of Object.entries(subjectFields))
    if (field !== own && subject[field])
      errors.push(forbiddenField(`${path}.${field}`, `${field} is forbidden when subject kind is not '${kind}'`));
  return errors;
}

function resourceErrors(path: string, rule: ResourcePolicyRule): Cause[] {
  const { apiGroups = [], resources = [], namespaces = [], clusterScope } = rule;
  const errors = verbErrors(path, rule.verbs);
  const list = (field: string, values: readonly string[], what: string, missing: string) => {
    if (values.length === 0) errors.push(required(`${path}.${field}`, missing));
    else errors.push(...wildcardErrors(`${path}.${field}`, values, what));
  };
  list('apiGroups', apiGroups, 'api groups', 'resource rules must supply at least one api group');
  list('resources', resources, 'resources', 'resource rules must supply at least one resource');
  if (namespaces.length === 0 && !clusterScope) {
    const missing = 'resource rules that are not cluster scoped must supply at least one namespace';
    errors.push(required(`${path}.namespaces`, missing));
  } else if (namespaces.includes('*')) {
    errors.push(...wildcardErrors(`${path}.namespaces`, namespaces, 'namespaces'));
  } else
    for (const [i, namespace] of namespaces.entries())
      for (const message of dns1123Label(namespace)) {
        const text = `each member of this list must be '*' or a DNS-1123 label; ${message}`;
        errors.push(invalidValue(at(`${path}.namespaces`, i), namespace, text));
      }
  return errors;
}

function nonResourceErrors(path: string, { verbs: asked, nonResourceURLs = [] }: NonResourcePolicyRule): Cause[] {
  const errors = verbErrors(path, asked);
  const field = `${path}.nonResourceURLs`;
  if (nonResourceURLs.length === 0) errors.push(required(field, 'nonResourceURLs must contain at least one value'));
  else if (nonResourceURLs.includes('*')) errors.push(...wildcardErrors(field, nonResourceURLs, 'non-resource URLs'));
  else for (const [i, url] of nonResourceURLs.entries()) errors.push(...urlErrors(at(field, i), url));
  return errors;
}

/** ValidateNonResourceURLPath */
function urlErrors(field: string, url: string): Cause[] {
  const not = (detail: string) => [invalidValue(field, url, detail)];
  if (url === '') return not('must not be empty');
  if (url === '/') return [];
  if (!url.startsWith('/')) return not('must start with slash');
  if (url.includes(' ')) return not('must not contain white-space');
  if (url.includes('//')) return not('must not contain double slash');
  const star = url.indexOf('*');
  if (star >= 0 && (star !== url.length - 1 || url.at(-2) !== '/')) return not('wildcard can only do suffix matching');
  return [];
}

function verbErrors(path: string, asked: readonly string[] = []): Cause[] {
  const field = `${path}.verbs`;
  if (asked.length === 0) return [required(field, 'verbs must contain at least one value')];
  if (asked.includes('*')) return wildcardErrors(field, asked, 'verbs');
  return asked.every((verb) => verbs.includes(verb)) ? [] : [notSupported(field, asked, verbs)];
}

function wildcardErrors(field: string, values: readonly string[], what: string): Cause[] {
  if (!values.includes('*') || values.length === 1) return [];
  return [invalidValue(field, values, `if '*' is present, must not specify other ${what}`)];
}

function validateLevel({ metadata, spec }: PriorityLevelConfiguration): Cause[] {
  const errors: Cause[] = [];
  const { type, limited, exempt } = spec;
  if ((metadata.name === 'exempt') !== (type === 'Exempt'))
    errors.push(invalidValue('spec.type', type, "type must be 'Exempt' if and only if `name` is 'exempt'"));
  const percent = (field: string, value: number | undefined, most: number, least = 0) => {
    if (value !== undefined && (value < least || value > most))
      errors.push(invalidValue(`spec.${field}`, value, `must be between ${least} and ${most}, inclusive`));
  };
  const shares = (field: string, value: number | undefined) => {
    if (value !== undefined && value < 0)
      errors.push(invalidValue(`spec.${field}.nominalConcurrencyShares`, value, 'must be a non-negative integer'));
  };
  if (type === 'Exempt') {
    if (limited) errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'));
    shares('exempt', exempt?.nominalConcurrencyShares);
    percent('exempt.lendablePercent', exempt?.lendablePercent, 100);
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'));
    if (!limited) return [...errors, required('spec.limited', 'must not be empty when type is Limited')];
    shares('limited', limited.nominalConcurrencyShares);
    percent('limited.lendablePercent', limited.lendablePercent, 100);
    if ((limited.borrowingLimitPercent ?? 0) < 0)
      errors.push(
        invalidValue(
          'spec.limited.borrowingLimitPercent',
          limited.borrowingLimitPercent,
          'if specified, must be a non-negative integer',
        ),
      );
    errors.push(...responseErrors(limited.limitResponse));
  } else errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']));
  return errors;
}

type LimitResponse = NonNullable<NonNullable<PriorityLevelConfiguration['spec']['limited']>['limitResponse']>;

function responseErrors({ type, queuing }: Partial<LimitResponse> = {}): Cause[] {
  const path = 'spec.limited.limitResponse';
  if (type === 'Reject')
    return queuing
      ? [forbiddenField(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')]
      : [];
  if (type !== 'Queue') return [notSupported(`${path}.type`, type ?? '', ['Queue', 'Reject'])];
  if (!queuing) return [required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')];
  const errors: Cause[] = [];
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing;
  const not = (field: string, value: number, detail: string) =>
    errors.push(invalidValue(`${path}.queuing.${field}`, value, detail));
  if (queueLengthLimit <= 0) not('queueLengthLimit', queueLengthLimit, 'must be positive');
  if (queues <= 0) not('queues', queues, 'must be positive');
  else if (queues > 10_000_000) not('queues', queues, 'must not be greater than 10000000');
  if (handSize <= 0) not('handSize', handSize, 'must be positive');
  else if (handSize > queues) not('handSize', handSize, `should not be greater than queues (${queues})`);
  return errors;
}

function conditionErrors(conditions: { type?: string }[] = []): Cause[] {
  return conditions.flatMap(({ type = '' }, i) => {
    const field = `${at('status.conditions', i)}.type`;
    if (type === '') return [required(field, 'must not be empty')];
    return conditions.findIndex((one) => one.type === type) < i ? [duplicate(field, type)] : [];
  });
}
