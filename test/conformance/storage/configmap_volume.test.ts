import { describe } from 'node:test';
import type { V1ConfigMap } from '@kubernetes/client-node';
import { testImage } from '../../cluster/fixture/image.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { configMapSource as source } from './fixture/keyed-sources.ts';
import { consume, consumeTwice, followOptional, followUpdate, podOf, stayImmutable } from './fixture/keyed-volume.ts';
import { inLoop, mountTest } from './fixture/mounttest.ts';
import { place, running, untilLogged } from './fixture/output.ts';

const suite = useConformanceCluster();

const mapped = [{ key: 'data-2', path: 'path/to/data-2' }];
const nonRoot = { securityContext: { runAsUser: 1000 } };

describe('ConfigMap volumes', { concurrency: 4 }, () => {
  conformance('[sig-storage] ConfigMap should be consumable from pods in volume [NodeConformance]', async () =>
    consume(source, await place(suite, 'plain')),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]',
    async () => consume(source, await place(suite, 'mode'), { defaultMode: 0o400 }),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable from pods in volume as non-root [NodeConformance]',
    async () => consume(source, await place(suite, 'nonroot'), { spec: nonRoot }),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable from pods in volume with mappings [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped'), { items: mapped }),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly] [NodeConformance]',
    async () =>
      consume(source, await place(suite, 'item-mode'), { items: mapped.map((item) => ({ ...item, mode: 0o400 })) }),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable from pods in volume with mappings as non-root [NodeConformance]',
    async () => consume(source, await place(suite, 'mapped-nonroot'), { items: mapped, spec: nonRoot }),
  );

  conformance('[sig-storage] ConfigMap updates should be reflected in volume [NodeConformance]', async () =>
    followUpdate(source, await place(suite, 'update')),
  );

  conformance('[sig-storage] ConfigMap optional updates should be reflected in volume [NodeConformance]', async () =>
    followOptional(source, await place(suite, 'optional')),
  );

  conformance(
    '[sig-storage] ConfigMap should be consumable in multiple volumes in the same pod [NodeConformance]',
    async () => consumeTwice(source, await place(suite, 'twice')),
  );

  conformance('[sig-storage] ConfigMap binary data should be reflected in volume [NodeConformance]', async () => {
    const at = await place(suite, 'binary');
    const binary = Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff]).toString('base64');
    const body = { metadata: { name: 'object' }, data: { 'data-1': 'value-1' }, binaryData: { 'dump.bin': binary } };
    await at.api.createNamespacedConfigMap({ namespace: at.namespace, body });
    const volumeMounts = [{ name: 'volume', mountPath: '/etc/test-volume', readOnly: true }];
    const pod = await running(
      at,
      podOf('binary', {
        containers: [
          mountTest(inLoop('/etc/test-volume/data-1'), { volumeMounts }),
          {
            name: 'dump',
            image: testImage,
            command: ['busybox', 'hexdump', '-C', '/etc/test-volume/dump.bin'],
            volumeMounts,
          },
        ],
        volumes: [source.volume('volume', 'object')],
      }),
    );
    await untilLogged(at, pod, 'test-container', 'value-1');
    await untilLogged(at, pod, 'dump', 'de ca fe ba d0 fe ff');
  });

  conformance('[sig-storage] ConfigMap should be immutable if `immutable` field is set', async () => {
    const { api, namespace } = await place(suite, 'immutable');
    const name = 'immutable';
    const data = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };
    await stayImmutable<V1ConfigMap>({
      create: () => api.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data } }),
      get: () => api.readNamespacedConfigMap({ namespace, name }),
      replace: (body) => api.replaceNamespacedConfigMap({ namespace, name, body }),
      remove: () => api.deleteNamespacedConfigMap({ namespace, name }),
    });
  });
});
