import type { Namespace } from '../../api/generated/core-v1.ts';
import { namespaces } from '../../api/resource.ts';
import { forbidden, notFound } from '../../api/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { refuse } from './refuse.ts';

/** These may not be deleted. kube-node-lease may. */
const immortal = ['default', 'kube-system', 'kube-public'];

/** Nothing is created in a namespace that does not exist or is going away (apiserver plugin/namespace/lifecycle). */
export function namespaceLifecycle(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation, resource }) =>
      operation === 'CREATE' || operation === 'UPDATE'
        ? resource.namespaced && resource.group !== 'authorization.k8s.io'
        : operation === 'DELETE' && isNamespace(resource),
    async admit(attributes) {
      const { operation, resource, namespace, name } = attributes;
      if (operation === 'DELETE') {
        if (immortal.includes(name)) throw forbidden(resource, name, 'this namespace may not be deleted');
        return;
      }
      const found = reader.get(namespaces, '', namespace);
      if (!found) throw notFound(namespaces, namespace);
      if (operation === 'CREATE') refuseIfTerminating(attributes, found);
    },
  };
}

const isNamespace = (resource: { group: string; resource: string }) =>
  resource.group === '' && resource.resource === 'namespaces';

function refuseIfTerminating(attributes: AdmissionAttributes, namespace: Namespace): void {
  if (namespace.status?.phase !== 'Terminating' && !namespace.metadata.deletionTimestamp) return;
  const { name } = namespace.metadata;
  throw refuse(attributes, `unable to create new content in namespace ${name} because it is being terminated`, [
    { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
  ]);
}
