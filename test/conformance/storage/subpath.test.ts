import { describe } from 'node:test';
import type { V1Volume } from '@kubernetes/client-node';
import { pods } from '../../../src/api/resource.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { configMapSource, secretSource } from './fixture/keyed-sources.ts';
import { podOf } from './fixture/keyed-volume.ts';
import { mountTest } from './fixture/mounttest.ts';
import { expectOutput, place } from './fixture/output.ts';

const suite = useConformanceCluster();

interface Case {
  volume: V1Volume;
  subPath: string;
  contents: string;
  /** @default '/test-volume' */
  mountPath?: string;
}

const configMap = configMapSource.volume('test-volume', 'my-configmap');

describe('subPaths of volumes that are written atomically', { concurrency: 4 }, () => {
  conformance('[sig-storage] Subpath Atomic writer volumes should support subpaths with secret pod', async () =>
    read('secret', {
      volume: secretSource.volume('test-volume', 'my-secret'),
      subPath: 'secret-key',
      contents: 'secret-value',
    }),
  );

  conformance('[sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod', async () =>
    read('configmap', { volume: configMap, subPath: 'configmap-key', contents: 'configmap-value' }),
  );

  conformance(
    '[sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod with mountPath of existing file',
    async () =>
      read('file', {
        volume: configMap,
        subPath: 'configmap-key',
        contents: 'configmap-value',
        mountPath: '/etc/resolv.conf',
      }),
  );

  conformance('[sig-storage] Subpath Atomic writer volumes should support subpaths with downward pod', async () =>
    read('downward', {
      volume: {
        name: 'test-volume',
        downwardAPI: { items: [{ path: 'downward/podname', fieldRef: { fieldPath: 'metadata.name' } }] },
      },
      subPath: 'downward/podname',
      contents: 'pod-subpath-test',
    }),
  );

  conformance('[sig-storage] Subpath Atomic writer volumes should support subpaths with projected pod', async () =>
    read('projected', {
      volume: {
        name: 'test-volume',
        projected: {
          sources: [
            { configMap: { name: 'my-configmap', items: [{ key: 'configmap-key', path: 'projected/configmap-key' }] } },
          ],
        },
      },
      subPath: 'projected/configmap-key',
      contents: 'configmap-value',
    }),
  );
});

/** Reads the mounted piece, deletes the Pod and sees it go. */
async function read(name: string, { volume, subPath, contents, mountPath = '/test-volume' }: Case): Promise<void> {
  const at = await place(suite, name);
  await secretSource.create(at, 'my-secret', { 'secret-key': 'secret-value' });
  await configMapSource.create(at, 'my-configmap', { 'configmap-key': 'configmap-value' });
  const mounted = mountTest([`--file_content=${mountPath}`], {
    volumeMounts: [
      { name: 'test-volume', mountPath, subPath },
      { name: 'probe', mountPath: '/probe-volume' },
    ],
  });
  const pod = podOf('pod-subpath-test', { containers: [mounted], volumes: [volume, { name: 'probe', emptyDir: {} }] });
  await expectOutput(at, pod, [`content of file "${mountPath}": ${contents}\n`]);
  await at.api.deleteNamespacedPod({ namespace: at.namespace, name: 'pod-subpath-test' });
  await at.space.until(pods, 'pod-subpath-test', (left) => left === undefined);
}
