import { namespaces, serviceAccounts } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';

/** Gives every namespace its ServiceAccount "default" (kubernetes pkg/controller/serviceaccount). */
export function serviceAccountController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(namespaces);
  const accounts = informers.informer(serviceAccounts);
  return {
    name: 'serviceaccount',
    for: namespaces,
    watches: [
      { resource: serviceAccounts, keys: ({ metadata }) => (metadata.name === 'default' ? [metadata.namespace] : []) },
    ],
    reconcile: async (name) => {
      const namespace = all.get(name);
      if (namespace?.status?.phase !== 'Active' || accounts.get(`${name}/default`)) return;
      try {
        await client.create(serviceAccounts, { metadata: { name: 'default', namespace: name } });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
      }
    },
  };
}
