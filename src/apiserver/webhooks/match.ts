import type { NamedRuleWithOperations, RuleWithOperations } from '../../api/generated/admissionregistration-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { namespaces, type ResourceInfo } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import type { AdmissionAttributes, ObjectReader } from '../request.ts';

/** Whether one of the rules covers this (apiserver pkg/admission/plugin/webhook/predicates/rules). */
export function matchesRules(
  rules: readonly (RuleWithOperations | NamedRuleWithOperations)[] | undefined,
  attributes: AdmissionAttributes,
  info: ResourceInfo = attributes.resource,
): boolean {
  return (rules ?? []).some((rule) => matchesRule(rule, attributes, info));
}

function matchesRule(
  rule: RuleWithOperations | NamedRuleWithOperations,
  { operation, subresource, name, object }: AdmissionAttributes,
  info: ResourceInfo,
): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    Boolean(list?.includes('*') || list?.includes(value));
  if (!has(rule.operations, operation) || !has(rule.apiGroups, info.group) || !has(rule.apiVersions, info.version))
    return false;
  const names = (rule as NamedRuleWithOperations).resourceNames;
  if (names?.length && !names.includes(name || (object?.metadata.name ?? ''))) return false;
  const isNamespaced = info.namespaced && !(info.resource === 'namespaces' && info.group === '');
  if (rule.scope === 'Namespaced' && !isNamespaced) return false;
  if (rule.scope === 'Cluster' && isNamespaced) return false;
  return (rule.resources ?? []).some((text) => {
    const [resource, sub = ''] = text.split('/');
    return (resource === '*' || resource === info.resource) && (sub === '*' || sub === subresource);
  });
}

export interface Selectors {
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
}

/** Whether the object and its namespace are selected. An object without a namespace is in all of them. */
export function matchesSelectors(
  { namespaceSelector, objectSelector }: Selectors,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
): boolean {
  return matchesNamespace(namespaceSelector, attributes, reader) && matchesObject(objectSelector, attributes);
}

function matchesNamespace(selector: LabelSelector | undefined, attributes: AdmissionAttributes, reader: ObjectReader) {
  if (isEmpty(selector)) return true;
  const { resource, object, oldObject, operation, subresource, namespace } = attributes;
  if (resource.resource === 'namespaces' && resource.group === '' && subresource === '' && operation !== 'DELETE') {
    return compileSelector(selector)((object ?? oldObject)?.metadata.labels);
  }
  const name = namespace || (resource.resource === 'namespaces' && resource.group === '' ? attributes.name : '');
  if (!name) return true;
  return compileSelector(selector)(reader.get(namespaces, '', name)?.metadata.labels);
}

function matchesObject(selector: LabelSelector | undefined, { object, oldObject }: AdmissionAttributes): boolean {
  if (isEmpty(selector)) return true;
  const matches = compileSelector(selector);
  return [object, oldObject].some((one) => one?.metadata !== undefined && matches(one.metadata.labels));
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  return !selector || (!selector.matchExpressions?.length && Object.keys(selector.matchLabels ?? {}).length === 0);
}
