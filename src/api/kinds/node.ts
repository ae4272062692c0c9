import { isIP, isIPv6 } from 'node:net';
import type { Node, Taint } from '../generated/core-v1.ts';
import type { Kind } from '../kind.ts';
import { validLabelValue } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, forbiddenField, invalidValue, required, sameValue } from '../validation/field-error.ts';
import { validateLabelName } from '../validation/metadata.ts';
import { validateQuantity } from '../validation/resources.ts';
import { validateTaintEffect } from '../validation/scheduling.ts';

/** pkg/apis/core and pkg/registry/core/node. */
export const node: Kind<Node> = {
  type: 'core/v1.Node',
  hasGeneration: false,
  keepsCreatedStatus: true,
  defaults({ spec, status }) {
    // podCIDR is the first of podCIDRs, whoever writes which (Convert_v1_NodeSpec_To_core_NodeSpec).
    if (spec?.podCIDR && !spec.podCIDRs?.length) spec.podCIDRs = [spec.podCIDR];
    else if (spec?.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  validate: (node) => [...taintErrors(node.spec?.taints ?? []), ...resourceErrors(node), ...cidrErrors(node)],
  validateUpdate: (node, old) => [...resourceErrors(node), ...updateErrors(node, old)],
  validateStatusUpdate: (node, old) => [...resourceErrors(node), ...updateErrors(node, old)],
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
};

function updateErrors(node: Node, old: Node): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, address] of (node.status?.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.push(duplicate(at('status.addresses', i), address));
    seen.add(key);
  }
  const spec = node.spec ?? {};
  const before = old.spec ?? {};
  if (before.podCIDRs?.length && !sameValue(spec.podCIDRs, before.podCIDRs))
    errors.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  if (before.providerID && spec.providerID !== before.providerID)
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  errors.push(...taintErrors(spec.taints ?? []), ...(before.podCIDRs?.length ? [] : cidrErrors(node)));
  return errors;
}

function taintErrors(taints: readonly Taint[]): Cause[] {
  const errors: Cause[] = [];
  const unique = new Set<string>();
  for (const [i, taint] of taints.entries()) {
    const own = at('metadata.taints', i);
    errors.push(...validateLabelName(taint.key, `${own}.key`));
    const problems = validLabelValue(taint.value ?? '');
    if (problems.length) errors.push(invalidValue(`${own}.value`, taint.value, problems.join(';')));
    if (!taint.effect) errors.push(required(`${own}.effect`));
    else errors.push(...validateTaintEffect(taint.effect, `${own}.effect`));
    const key = `${taint.key}:${taint.effect}`;
    if (unique.has(key)) {
      const error = duplicate(own, taint);
      errors.push({ ...error, message: `${error.message}: taints must be unique by key and effect pair` });
    }
    unique.add(key);
  }
  return errors;
}

function resourceErrors({ status }: Node): Cause[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) =>
      validateQuantity(name, amount, `status.${list}.${name}`),
    ),
  );
}

function cidrErrors({ spec }: Node): Cause[] {
  const ranges = spec?.podCIDRs ?? [];
  const errors: Cause[] = [];
  for (const [i, range] of ranges.entries()) {
    const [address = '', bits = ''] = range.split('/');
    if (!isIP(address) || !/^\d+$/.test(bits) || Number(bits) > (isIPv6(address) ? 128 : 32))
      errors.push(
        invalidValue(at('spec.podCIDRs', i), range, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
      );
  }
  if (ranges.length > 1 && (ranges.length > 2 || new Set(ranges.map((range) => range.includes(':'))).size < 2))
    errors.push(invalidValue('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family'));
  return errors;
}
