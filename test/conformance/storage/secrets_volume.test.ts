import { describe } from 'node:test';
import type { V1Secret } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { secretSource as source } from './fixture/keyed-sources.ts';
import { consume, consumeTwice, followOptional, stayImmutable } from './fixture/keyed-volume.ts';
import { place } from './fixture/output.ts';

const suite = useConformanceCluster();

const mapped = [{ key: 'data-1', path: 'new-path-data-1' }];

describe('Secret volumes', { concurrency: 4 }, () => {
  conformance('[sig-storage] Secrets should be consumable from pods in volume [NodeConformance]', async () =>
    consume(source, await place(suite, 'plain')),
  );

  conformance(
    '[sig-storage] Secrets should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]',
    async () => consume(source, await place(suite, 'mode'), { defaultMode: 0o400 }),
  );

  conformance(
    '[sig-storage] Secrets should be consumable from pods in volume as non-root with defaultMode and fsGroup set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'fsgroup'), {
        defaultMode: 0o440,
        spec: { securityContext: { runAsUser: 1000, fsGroup: 1001 } },
      }),
  );

  conformance(
    '[sig-storage] Secrets should be consumable from pods in volume with mappings [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped'), { items: mapped }),
  );

  conformance(
    '[sig-storage] Secrets should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'item-mode'), { items: mapped.map((item) => ({ ...item, mode: 0o400 })) }),
  );

  conformance(
    '[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace [NodeConformance]',
    async () => {
      const other = await place(suite, 'secret-namespace');
      await source.create(other, 'same-name', { this_should_not_match_content_of_other_secret: 'similarly' });
      await consume(source, await place(suite, 'own-namespace'), { object: 'same-name' });
    },
  );

  conformance('[sig-storage] Secrets should be consumable in multiple volumes in a pod [NodeConformance]', async () =>
    consumeTwice(source, await place(suite, 'twice')),
  );

  conformance('[sig-storage] Secrets optional updates should be reflected in volume [NodeConformance]', async () =>
    followOptional(source, await place(suite, 'optional')),
  );

  conformance('[sig-storage] Secrets should be immutable if `immutable` field is set', async () => {
    const { api, namespace } = await place(suite, 'immutable');
    const name = 'immutable';
    const stringData = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };
    await stayImmutable<V1Secret>({
      create: () => api.createNamespacedSecret({ namespace, body: { metadata: { name }, stringData } }),
      get: () => api.readNamespacedSecret({ namespace, name }),
      replace: (body) => api.replaceNamespacedSecret({ namespace, name, body }),
      remove: () => api.deleteNamespacedSecret({ namespace, name }),
    });
  });
});
