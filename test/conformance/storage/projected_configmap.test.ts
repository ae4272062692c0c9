import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { projectedConfigMapSource as source } from './fixture/keyed-sources.ts';
import { consume, consumeTwice, followOptional, followUpdate } from './fixture/keyed-volume.ts';
import { place } from './fixture/output.ts';

const suite = useConformanceCluster();

const mapped = [{ key: 'data-2', path: 'path/to/data-2' }];
const nonRoot = { securityContext: { runAsUser: 1000 } };

describe('projected ConfigMaps', { concurrency: 4 }, () => {
  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume [NodeConformance]',
    async () => consume(source, await place(suite, 'plain')),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]',
    async () => consume(source, await place(suite, 'mode'), { defaultMode: 0o400 }),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume as non-root [NodeConformance]',
    async () => consume(source, await place(suite, 'nonroot'), { spec: nonRoot }),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume with mappings [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped'), { items: mapped }),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'item-mode'), { items: mapped.map((item) => ({ ...item, mode: 0o400 })) }),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable from pods in volume with mappings as non-root [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped-nonroot'), { items: mapped, spec: nonRoot }),
  );

  conformance('[sig-storage] Projected configMap updates should be reflected in volume [NodeConformance]', async () =>
    followUpdate(source, await place(suite, 'update')),
  );

  conformance(
    '[sig-storage] Projected configMap optional updates should be reflected in volume [NodeConformance]',
    async () => followOptional(source, await place(suite, 'optional')),
  );

  conformance(
    '[sig-storage] Projected configMap should be consumable in multiple volumes in the same pod [NodeConformance]',
    async () => consumeTwice(source, await place(suite, 'twice')),
  );
});
