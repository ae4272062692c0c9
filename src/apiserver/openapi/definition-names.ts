import { parseType, typeFacts } from '../../api/facts.ts';
import type { ResourceInfo } from '../../api/resource.ts';

const packages: Record<string, string> = {
  'meta/v1': 'io.k8s.apimachinery.pkg.apis.meta.v1',
  'apiextensions/v1': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  'apiregistration/v1': 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
};

const meta = packages['meta/v1'];
/** Definitions that are no types of the facts table. */
export const special = {
  patch: `${meta}.Patch`,
  status: `${meta}.Status`,
  deleteOptions: `${meta}.DeleteOptions`,
  watchEvent: `${meta}.WatchEvent`,
  time: `${meta}.Time`,
  microTime: `${meta}.MicroTime`,
  duration: `${meta}.Duration`,
  fieldsV1: `${meta}.FieldsV1`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  json: `${packages['apiextensions/v1']}.JSON`,
} as const;

/** 'core/v1.Pod' is 'io.k8s.api.core.v1.Pod'. */
export function definitionName(type: string): string {
  const dot = type.lastIndexOf('.');
  const pkg = type.slice(0, dot);
  return `${packages[pkg] ?? `io.k8s.api.${pkg.replace('/', '.')}`}.${type.slice(dot + 1)}`;
}

/** The definition of a resource's objects; custom ones are named after their group, turned around. */
export function resourceDefinition(resource: ResourceInfo): string {
  if (resource.type) return definitionName(resource.type);
  return `${resource.group.split('.').reverse().join('.')}.${resource.version}.${resource.kind}`;
}

/** Names of the given types and of all that they hold. */
export function reachable(types: Iterable<string>): string[] {
  const found = new Set<string>();
  const visit = (expression: string) => {
    const parsed = parseType(expression.replace(/^(\[\]|\{\})+/, ''));
    if (parsed.kind !== 'struct' || found.has(parsed.name)) return;
    found.add(parsed.name);
    for (const field of typeFacts(parsed.name)?.fields.values() ?? []) visit(field.type);
  };
  for (const type of types) visit(type);
  return [...found].sort();
}
