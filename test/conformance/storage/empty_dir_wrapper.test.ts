import { pods } from '../../../src/api/resource.ts';
import { testImage } from '../../cluster/fixture/image.ts';
import { stay } from '../../cluster/fixture/objects.ts';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { untilNone } from './fixture/api.ts';
import { configMapSource, secretSource } from './fixture/keyed-sources.ts';
import { podOf } from './fixture/keyed-volume.ts';
import { type Place, place, running } from './fixture/output.ts';

const suite = useConformanceCluster();

const volumeCount = 50;
const podCount = 5;
const rounds = 3;

conformance('[sig-storage] EmptyDir wrapper volumes should not conflict', async () => {
  const at = await place(suite, 'wrapper');
  await secretSource.create(at, 'same', { 'data-1': 'value-1\n' });
  await configMapSource.create(at, 'same', { 'data-1': 'value-1\n' });
  const pod = podOf('pod-secrets', {
    containers: [
      {
        name: 'secret-test',
        image: testImage,
        command: ['sh', '-c', stay],
        volumeMounts: [
          { name: 'secret-volume', mountPath: '/etc/secret-volume', readOnly: true },
          { name: 'configmap-volume', mountPath: '/etc/configmap-volume' },
        ],
      },
    ],
    volumes: [secretSource.volume('secret-volume', 'same'), configMapSource.volume('configmap-volume', 'same')],
  });
  await running(at, pod);
  await at.space.untilReady('pod-secrets');
  await at.space.exec(
    'pod-secrets',
    'test "$(cat /etc/secret-volume/data-1)$(cat /etc/configmap-volume/data-1)" = value-1value-1',
  );
});

conformance(
  '[sig-storage] EmptyDir wrapper volumes should not cause race condition when used for configmaps [Serial]',
  async () => {
    const at = await place(suite, 'race');
    const names = Array.from({ length: volumeCount }, (_, index) => `racey-configmap-${index}`);
    await Promise.all(names.map((name) => configMapSource.create(at, name, { 'data-1': 'value-1' })));
    for (let round = 0; round < rounds; round++) await race(at, names, `wrapped-volume-race-${round}`);
  },
);

/** Five Pods at once, each with all the volumes: all come up. */
async function race(at: Place, configMaps: string[], name: string): Promise<void> {
  const { namespace, api } = at;
  const spec = podOf(name, {
    containers: [
      {
        name: 'test-container',
        image: testImage,
        command: ['sh', '-c', stay],
        volumeMounts: configMaps.map((volume, index) => ({ name: volume, mountPath: `/etc/config-${index}` })),
      },
    ],
    dnsPolicy: 'Default',
    restartPolicy: 'Always',
    volumes: configMaps.map((object) =>
      configMapSource.volume(object, object, { items: [{ key: 'data-1', path: 'data-1' }] }),
    ),
  }).spec;
  await api.createNamespacedReplicationController({
    namespace,
    body: {
      metadata: { name },
      spec: { replicas: podCount, selector: { name }, template: { metadata: { labels: { name } }, spec } },
    },
  });
  const list = () => api.listNamespacedPod({ namespace, labelSelector: `name=${name}` });
  const { items } = await until('the Pods are there', async () => {
    const found = await list();
    return found.items.length === podCount && found;
  });
  for (const { metadata } of items)
    await at.space.until(pods, metadata?.name ?? '', (pod) => pod?.status?.phase === 'Running');
  await api.deleteNamespacedReplicationController({ namespace, name, propagationPolicy: 'Background' });
  await untilNone(list);
}
