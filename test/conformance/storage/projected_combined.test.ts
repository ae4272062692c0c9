import { testImage } from '../../cluster/fixture/image.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { configMapSource, secretSource } from './fixture/keyed-sources.ts';
import { podOf } from './fixture/keyed-volume.ts';
import { expectOutput, place } from './fixture/output.ts';

const suite = useConformanceCluster();

conformance(
  '[sig-storage] Projected combined should project all components that make up the projection API [Projection] [NodeConformance]',
  async () => {
    const at = await place(suite, 'combined');
    await configMapSource.create(at, 'settings', { 'configmap-data': 'configmap-value-1' });
    await secretSource.create(at, 'hidden', { 'secret-data': 'secret-value-1' });
    const pod = podOf('projected-volume', {
      containers: [
        {
          name: 'projected-all-volume-test',
          image: testImage,
          command: ['sh', '-c', 'cat /all/podname && cat /all/secret-data && cat /all/configmap-data'],
          volumeMounts: [{ name: 'podinfo', mountPath: '/all', readOnly: false }],
        },
      ],
      volumes: [
        {
          name: 'podinfo',
          projected: {
            sources: [
              { downwardAPI: { items: [{ path: 'podname', fieldRef: { fieldPath: 'metadata.name' } }] } },
              { secret: { name: 'hidden', items: [{ key: 'secret-data', path: 'secret-data' }] } },
              { configMap: { name: 'settings', items: [{ key: 'configmap-data', path: 'configmap-data' }] } },
            ],
          },
        },
      ],
    });
    await expectOutput(at, pod, ['projected-volume', 'secret-value-1', 'configmap-value-1']);
  },
);
