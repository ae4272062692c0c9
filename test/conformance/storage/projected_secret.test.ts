import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { projectedSecretSource as source } from './fixture/keyed-sources.ts';
import { consume, consumeTwice, followOptional } from './fixture/keyed-volume.ts';
import { place } from './fixture/output.ts';

const suite = useConformanceCluster();

const mapped = [{ key: 'data-1', path: 'new-path-data-1' }];

describe('projected Secrets', { concurrency: 4 }, () => {
  conformance('[sig-storage] Projected secret should be consumable from pods in volume [NodeConformance]', async () =>
    consume(source, await place(suite, 'plain')),
  );

  conformance(
    '[sig-storage] Projected secret should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]',
    async () => consume(source, await place(suite, 'mode'), { defaultMode: 0o400 }),
  );

  conformance(
    '[sig-storage] Projected secret should be consumable from pods in volume as non-root with defaultMode and fsGroup set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'fsgroup'), {
        defaultMode: 0o440,
        spec: { securityContext: { runAsUser: 1000, fsGroup: 1001 } },
      }),
  );

  conformance(
    '[sig-storage] Projected secret should be consumable from pods in volume with mappings [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped'), { items: mapped }),
  );

  conformance(
    '[sig-storage] Projected secret should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'item-mode'), { items: mapped.map((item) => ({ ...item, mode: 0o400 })) }),
  );

  conformance(
    '[sig-storage] Projected secret should be consumable in multiple volumes in a pod [NodeConformance]',
    async () => consumeTwice(source, await place(suite, 'twice')),
  );

  conformance(
    '[sig-storage] Projected secret optional updates should be reflected in volume [NodeConformance]',
    async () => followOptional(source, await place(suite, 'optional')),
  );
});
