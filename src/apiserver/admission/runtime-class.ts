import { isDeepStrictEqual } from 'node:util';
import type { Pod, Toleration } from '../../api/generated/core-v1.ts';
import type { RuntimeClass } from '../../api/generated/node-v1.ts';
import { runtimeClasses } from '../../api/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { isPod, refuse } from './refuse.ts';

/** Gives Pods the overhead, node selector and tolerations of their RuntimeClass (plugin/pkg/admission/runtimeclass). */
export function runtimeClass(reader: ObjectReader): AdmissionPlugin {
  const classOf = (attributes: AdmissionAttributes, pod: Pod): RuntimeClass | undefined => {
    const name = pod.spec?.runtimeClassName;
    if (!name) return undefined;
    const found = reader.get(runtimeClasses, '', name);
    if (!found) throw refuse(attributes, `pod rejected: RuntimeClass "${name}" not found`);
    return found;
  };
  return {
    name: 'RuntimeClass',
    handles: (attributes) => isPod(attributes) && attributes.operation === 'CREATE',
    async admit(attributes) {
      const pod = attributes.object as Pod;
      const found = classOf(attributes, pod);
      if (!found || !pod.spec) return;
      setOverhead(attributes, pod, found);
      setScheduling(attributes, pod, found);
    },
    async validate(attributes) {
      const pod = attributes.object as Pod;
      const fixed = classOf(attributes, pod)?.overhead?.podFixed;
      const own = pod.spec?.overhead;
      if (fixed && !isDeepStrictEqual(own, fixed)) throw refuse(attributes, mismatch);
      if (!fixed && own && Object.keys(own).length > 0) {
        throw refuse(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      }
    },
  };
}

const mismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

function setOverhead(attributes: AdmissionAttributes, { spec }: Pod, { overhead }: RuntimeClass): void {
  if (!overhead?.podFixed) return;
  if (spec!.overhead && !isDeepStrictEqual(spec!.overhead, overhead.podFixed)) throw refuse(attributes, mismatch);
  spec!.overhead = { ...overhead.podFixed };
}

function setScheduling(attributes: AdmissionAttributes, { spec }: Pod, { scheduling }: RuntimeClass): void {
  if (!scheduling) return;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = spec!.nodeSelector?.[key];
    if (own !== undefined && own !== value) {
      throw refuse(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
    }
    spec!.nodeSelector = { ...spec!.nodeSelector, [key]: value };
  }
  const own: Toleration[] = spec!.tolerations ?? [];
  const added = (scheduling.tolerations ?? []).filter((one) => !own.some((other) => isDeepStrictEqual(one, other)));
  if (added.length > 0) spec!.tolerations = [...own, ...structuredClone(added)];
}
