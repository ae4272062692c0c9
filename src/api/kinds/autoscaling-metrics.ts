import type { CrossVersionObjectReference, MetricSpec, MetricTarget } from '../generated/autoscaling-v2.ts';
import { dns1123Label, pathSegmentName } from '../names.ts';
import { quantityMilliValue } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidEach, invalidValue, notSupported, required } from '../validation/field-error.ts';

/** What an autoscaler may be told to measure (pkg/apis/autoscaling/validation). */

const types = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
/** In the order in which they are looked at: only the first is judged. */
const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
type Source = (typeof sources)[number];

export function metricSpecErrors(path: string, spec: MetricSpec): Cause[] {
  const errors: Cause[] = [];
  if (!spec.type) errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (!types.includes(spec.type)) errors.push(notSupported(`${path}.type`, spec.type, types));
  const present = sources.filter((source) => spec[source]);
  const [first] = present;
  if (first) errors.push(...sourceErrors[first](`${path}.${first}`, spec));
  const expected = types.includes(spec.type) ? (`${spec.type[0]!.toLowerCase()}${spec.type.slice(1)}` as Source) : '';
  if (expected && !spec[expected])
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  if (present.length > 1)
    for (const source of present)
      if (source !== expected)
        errors.push(forbiddenField(`${path}.${source}`, 'must populate the given metric source only'));
  return errors;
}

const sourceErrors: Record<Source, (path: string, spec: MetricSpec) => Cause[]> = {
  object(path, { object }) {
    const { describedObject, metric, target } = object!;
    const errors = [
      ...referenceErrors(`${path}.describedObject`, describedObject),
      ...metricErrors(`${path}.metric`, metric),
      ...targetErrors(`${path}.target`, target),
    ];
    if (target?.value === undefined && target?.averageValue === undefined)
      errors.push(required(`${path}.target.averageValue`, 'must set either a target value or averageValue'));
    return errors;
  },
  external(path, { external }) {
    const { metric, target } = external!;
    const errors = [...metricErrors(`${path}.metric`, metric), ...targetErrors(`${path}.target`, target)];
    const { value, averageValue } = target ?? {};
    if (value === undefined && averageValue === undefined) {
      const detail = 'must set either a target value for metric or a per-pod target';
      errors.push(required(`${path}.target.averageValue`, detail));
    }
    if (value !== undefined && averageValue !== undefined) {
      const detail = 'may not set both a target value for metric and a per-pod target';
      errors.push(forbiddenField(`${path}.target.value`, detail));
    }
    return errors;
  },
  pods(path, { pods }) {
    const { metric, target } = pods!;
    const errors = [...metricErrors(`${path}.metric`, metric), ...targetErrors(`${path}.target`, target)];
    if (target?.averageValue === undefined)
      errors.push(required(`${path}.target.averageValue`, 'must specify a positive target averageValue'));
    return errors;
  },
  resource: (path, { resource }) => resourceErrors(path, resource!),
  containerResource(path, { containerResource }) {
    const { container } = containerResource!;
    const named = container
      ? invalidEach(`${path}.container`, container, dns1123Label(container))
      : [required(`${path}.container`, 'must specify a container')];
    return [...named, ...resourceErrors(path, containerResource!)];
  },
};

function resourceErrors(path: string, { name, target }: { name?: string; target: MetricTarget }): Cause[] {
  const errors = name ? [] : [required(`${path}.name`, 'must specify a resource name')];
  errors.push(...targetErrors(`${path}.target`, target));
  const { averageUtilization, averageValue } = target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.target.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbiddenField(`${path}.target.averageValue`, detail));
  }
  return errors;
}

function targetErrors(path: string, { type, value, averageValue, averageUtilization }: Partial<MetricTarget> = {}) {
  const errors: Cause[] = [];
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    errors.push(invalidValue(`${path}.type`, type ?? '', 'must be either Utilization, Value, or AverageValue'));
  for (const [field, quantity] of Object.entries({ value, averageValue }))
    if (quantity !== undefined && quantityMilliValue(quantity) <= 0)
      errors.push(invalidValue(`${path}.${field}`, quantity, 'must be positive'));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  return errors;
}

function metricErrors(path: string, { name }: { name?: string } = {}): Cause[] {
  if (!name) return [required(`${path}.name`, 'must specify a metric name')];
  return invalidEach(`${path}.name`, name, pathSegmentName(name));
}

/** ValidateCrossVersionObjectReference */
export function referenceErrors(path: string, reference: Partial<CrossVersionObjectReference> = {}): Cause[] {
  return (['kind', 'name'] as const).flatMap((field) => {
    const value = reference[field];
    return value ? invalidEach(`${path}.${field}`, value, pathSegmentName(value)) : [required(`${path}.${field}`)];
  });
}
