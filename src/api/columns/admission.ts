import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../generated/admissionregistration-v1.ts';
import { formatSelector } from '../selectors.ts';
import { age, ageOf, type Columns, type ColumnsEntry, column, entry, integer, name } from './column.ts';

const paramKindColumn = column('ParamKind', 'Kind of the objects that parameterize the policy.');

const webhookColumns: Columns<MutatingWebhookConfiguration | ValidatingWebhookConfiguration> = {
  definitions: [name, integer('Webhooks', 'Number of webhooks.'), age],
  cells: (object, now) => [object.metadata.name, object.webhooks?.length ?? 0, ageOf(object, now)],
};

const bindingColumns: Columns<ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding> = {
  definitions: [
    name,
    column('PolicyName', 'Policy that is bound.'),
    column('ParamRef', 'Object that parameterizes the policy.'),
    age,
  ],
  cells: (object, now) => [
    object.metadata.name,
    object.spec?.policyName,
    paramRef(object.spec?.paramRef),
    ageOf(object, now),
  ],
};

export const admissionColumns: ColumnsEntry[] = [
  entry('admissionregistration/v1.MutatingWebhookConfiguration', webhookColumns),
  entry('admissionregistration/v1.ValidatingWebhookConfiguration', webhookColumns),
  entry<ValidatingAdmissionPolicy>('admissionregistration/v1.ValidatingAdmissionPolicy', {
    definitions: [name, integer('Validations', 'Number of validations.'), paramKindColumn, age],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.validations?.length ?? 0,
      paramKind(object.spec?.paramKind),
      ageOf(object, now),
    ],
  }),
  entry<MutatingAdmissionPolicy>('admissionregistration/v1.MutatingAdmissionPolicy', {
    definitions: [name, integer('Mutations', 'Number of mutations.'), paramKindColumn, age],
    cells: (object, now) => [
      object.metadata.name,
      object.spec?.mutations?.length ?? 0,
      paramKind(object.spec?.paramKind),
      ageOf(object, now),
    ],
  }),
  entry('admissionregistration/v1.ValidatingAdmissionPolicyBinding', bindingColumns),
  entry('admissionregistration/v1.MutatingAdmissionPolicyBinding', bindingColumns),
];

function paramKind(kind: ParamKind | undefined): string {
  return kind ? `${kind.apiVersion}/${kind.kind}` : '<unset>';
}

function paramRef(reference: ParamRef | undefined): string {
  if (!reference) return '<unset>';
  if (!reference.name) return reference.selector ? formatSelector(reference.selector) : '*';
  return reference.namespace ? `${reference.namespace}/${reference.name}` : reference.name;
}
