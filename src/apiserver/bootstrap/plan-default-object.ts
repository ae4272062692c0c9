import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '../../api/generated/rbac-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { missingRules } from '../authorization/rules.ts';
import type { DefaultObject } from './default-objects.ts';
import { autoUpdateAnnotation } from './rbac-defaults.ts';

export type PlannedWrite = { action: 'create' } | { action: 'update'; object: KubeObject } | undefined;

/** What has to be written so that a default object is as it should be; undefined when nothing. */
export function planDefaultObject(wanted: DefaultObject, found: KubeObject | undefined): PlannedWrite {
  if (!found) return { action: 'create' };
  if (wanted.reconcile === 'keep') return undefined;
  const object = wanted.reconcile === 'rbac' ? withDefaultRights(wanted, found) : restored(wanted, found);
  return object && { action: 'update', object };
}

/** Rules and subjects that are missing are added (component-helpers/auth/rbac/reconciliation). */
function withDefaultRights({ object }: DefaultObject, found: KubeObject): KubeObject | undefined {
  if (found.metadata.annotations?.[autoUpdateAnnotation] === 'false') return undefined;
  const wanted = object as unknown as ClusterRole & RoleBinding;
  if (wanted.roleRef) {
    const { subjects = [] } = found as RoleBinding;
    const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((other) => sameSubject(subject, other)));
    return missing.length > 0 ? ({ ...found, subjects: [...subjects, ...missing] } as KubeObject) : undefined;
  }
  const role = found as ClusterRole;
  if (wanted.aggregationRule) {
    // The rules are the aggregation controller's.
    if (isDeepStrictEqual(role.aggregationRule, wanted.aggregationRule)) return undefined;
    return { ...role, aggregationRule: wanted.aggregationRule } as KubeObject;
  }
  const rules: PolicyRule[] = role.rules ?? [];
  // As a rule nothing has changed, and comparing is much faster than finding out what is missing.
  if (isDeepStrictEqual(rules, wanted.rules)) return undefined;
  const lacking = (wanted.rules ?? []).filter((rule) => missingRules(rules, [rule]).length > 0);
  return lacking.length > 0 ? ({ ...role, rules: [...rules, ...lacking] } as KubeObject) : undefined;
}

function sameSubject(one: Subject, other: Subject): boolean {
  return one.kind === other.kind && one.name === other.name && (one.namespace ?? '') === (other.namespace ?? '');
}

/** Every field that we set is as we set it; fields that we do not set (defaults, status) stay. */
function restored({ object }: DefaultObject, found: KubeObject): KubeObject | undefined {
  const { metadata, ...wanted } = object;
  const labels = { ...found.metadata.labels, ...metadata.labels };
  const result = { ...(merge(found, wanted) as KubeObject), metadata: { ...found.metadata } };
  if (metadata.labels) result.metadata.labels = labels;
  return isDeepStrictEqual(plain(result), plain(found)) ? undefined : result;
}

/** `over` laid over `base`: objects merge, all else is replaced; lists of equal length merge item by item. */
function merge(base: unknown, over: unknown): unknown {
  if (Array.isArray(over)) {
    if (!Array.isArray(base) || base.length !== over.length) return over;
    return over.map((item, i) => merge(base[i], item));
  }
  if (typeof over !== 'object' || over === null) return over;
  if (typeof base !== 'object' || base === null || Array.isArray(base)) return over;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) result[key] = merge(result[key], value);
  return result;
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
