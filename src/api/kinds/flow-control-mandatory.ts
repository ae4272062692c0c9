import { isDeepStrictEqual } from 'node:util';
import type { FlowSchema, PriorityLevelConfiguration } from '../generated/flowcontrol-v1.ts';
import type { Cause } from '../status-error.ts';
import { invalidValue } from '../validation/field-error.ts';

/**
 * The specs without which nothing would be served (apiserver pkg/apis/flowcontrol/bootstrap/default.go, Mandatory…):
 * nobody may change them, but for the shares of the exempt level (pkg/apis/flowcontrol/validation).
 */

const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

const group = (name: string) => ({ kind: 'Group', group: { name } });

export const mandatoryFlowSchemas: Record<string, FlowSchema['spec']> = {
  exempt: {
    priorityLevelConfiguration: { name: 'exempt' },
    matchingPrecedence: 1,
    rules: [{ subjects: [group('system:masters')], ...everything }],
  },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: 'ByUser' },
    rules: [{ subjects: [group('system:unauthenticated'), group('system:authenticated')], ...everything }],
  },
};

export const mandatoryPriorityLevels: Record<string, PriorityLevelConfiguration['spec']> = {
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  'catch-all': {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  },
};

export function mandatorySchemaErrors({ metadata: { name }, spec }: FlowSchema): Cause[] {
  const fixed = mandatoryFlowSchemas[name];
  if (!fixed || isDeepStrictEqual(spec, fixed)) return [];
  return [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)];
}

export function mandatoryLevelErrors({ metadata: { name }, spec }: PriorityLevelConfiguration): Cause[] {
  const fixed = mandatoryPriorityLevels[name];
  if (!fixed) return [];
  if (name !== 'exempt') {
    if (isDeepStrictEqual(spec, fixed)) return [];
    return [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)];
  }
  const { exempt: _own, ...rest } = spec;
  if (isDeepStrictEqual(rest, { type: fixed.type })) return [];
  const detail = `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`;
  return [invalidValue('spec', spec, detail)];
}
