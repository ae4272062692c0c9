import type { Binding, Pod } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { isPod } from './refuse.ts';

const copied = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'];

/** A Pod can read of its labels where its node is (plugin/pkg/admission/podtopologylabels, KEP-4742). */
export function podTopologyLabels(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    handles: (attributes) => attributes.operation === 'CREATE' && (isPod(attributes) || isBinding(attributes)),
    async admit(attributes) {
      const { object } = attributes;
      const name = isPod(attributes) ? (object as Pod).spec?.nodeName : (object as Binding).target?.name;
      const labels = name ? reader.get(nodes, '', name)?.metadata.labels : undefined;
      for (const key of copied)
        if (labels?.[key]) object!.metadata.labels = { ...object!.metadata.labels, [key]: labels[key] };
    },
  };
}

const isBinding = ({ resource, subresource }: AdmissionAttributes) =>
  resource.group === '' && resource.resource === 'pods' && subresource === 'binding';
