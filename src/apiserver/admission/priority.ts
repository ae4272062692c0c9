import type { Pod } from '../../api/generated/core-v1.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import { priorityClasses } from '../../api/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { isPod, isResource, refuse } from './refuse.ts';

/** Turns the name of a PriorityClass into a number (plugin/pkg/admission/priority). */
export function priority(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: (attributes) =>
      (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE') &&
      (isPod(attributes) || isResource(attributes, 'scheduling.k8s.io', 'priorityclasses')),
    async admit(attributes) {
      if (!isPod(attributes)) return;
      if (attributes.operation === 'CREATE') setPriority(attributes, reader);
      else keepPriority(attributes);
    },
    async validate(attributes) {
      if (!isPod(attributes)) checkOnlyDefault(attributes, reader);
    },
  };
}

function setPriority(attributes: AdmissionAttributes, reader: ObjectReader): void {
  const { spec } = attributes.object as Pod;
  if (!spec) return;
  const found = spec.priorityClassName ? reader.get(priorityClasses, '', spec.priorityClassName) : defaultClass(reader);
  if (spec.priorityClassName && !found) {
    throw refuse(attributes, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  if (found) spec.priorityClassName = found.metadata.name;
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refuse(
      attributes,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  spec.priority = value;
  const policy = found ? (found.preemptionPolicy ?? 'PreemptLowerPriority') : 'PreemptLowerPriority';
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw refuse(
      attributes,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  }
  spec.preemptionPolicy = policy;
}

/** Clients that do not know these fields drop them; they cannot change anyway. */
function keepPriority({ object, oldObject }: AdmissionAttributes): void {
  const { spec } = object as Pod;
  const old = (oldObject as Pod | undefined)?.spec;
  if (!spec || !old) return;
  if (spec.priority === undefined && old.priority !== undefined) spec.priority = old.priority;
  if (spec.preemptionPolicy === undefined && old.preemptionPolicy !== undefined) {
    spec.preemptionPolicy = old.preemptionPolicy;
  }
}

function checkOnlyDefault(attributes: AdmissionAttributes, reader: ObjectReader): void {
  const { globalDefault, metadata } = attributes.object as PriorityClass;
  if (!globalDefault) return;
  const other = defaultClass(reader);
  if (!other || (attributes.operation === 'UPDATE' && other.metadata.name === metadata.name)) return;
  throw refuse(
    attributes,
    `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
  );
}

/** The lowest, should a race have made two. */
function defaultClass(reader: ObjectReader): PriorityClass | undefined {
  return reader
    .list(priorityClasses)
    .filter((one) => one.globalDefault)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
