import { configMaps, namespaces } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext, ControllerFactory } from '../client/controller.ts';

const name = 'kube-root-ca.crt';

/** Publishes the API server's CA in every namespace (kubernetes pkg/controller/certificates/rootcacertpublisher). */
export function rootCaController(ca: string): ControllerFactory {
  return ({ client, informers }: ControllerContext): Controller => {
    const all = informers.informer(namespaces);
    // Only this one name: there may be many large ConfigMaps that we never look at.
    const published = informers.informer(configMaps, { fieldSelector: `metadata.name=${name}` });
    const data = { 'ca.crt': ca };
    return {
      name: 'root-ca',
      for: namespaces,
      watches: [
        {
          resource: configMaps,
          selection: { fieldSelector: `metadata.name=${name}` },
          keys: ({ metadata }) => [metadata.namespace],
        },
      ],
      reconcile: async (key) => {
        const namespace = all.get(key);
        if (namespace?.status?.phase !== 'Active') return;
        const current = published.get(`${key}/${name}`);
        if (current?.data?.['ca.crt'] === ca && Object.keys(current.data).length === 1) return;
        const annotations = {
          'kubernetes.io/description':
            'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
        };
        try {
          if (current) await client.update(configMaps, { ...current, data });
          else await client.create(configMaps, { metadata: { name, namespace: key, annotations }, data });
        } catch (error) {
          if (!hasReason(error, 'AlreadyExists') && !hasReason(error, 'NotFound')) throw error;
        }
      },
    };
  };
}
