import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type DownwardVolume, followMetadata, readName, readResource } from './fixture/downward-volume.ts';
import { place } from './fixture/output.ts';

const suite = useConformanceCluster();

const volume: DownwardVolume = (items, defaultMode) => ({
  name: 'podinfo',
  downwardAPI: { items, ...(defaultMode && { defaultMode }) },
});

describe('downward API volumes', { concurrency: 4 }, () => {
  conformance('[sig-storage] Downward API volume should provide podname only [NodeConformance]', async () =>
    readName(volume, await place(suite, 'name')),
  );

  conformance(
    '[sig-storage] Downward API volume should set DefaultMode on files [LinuxOnly] [NodeConformance]',
    async () => readName(volume, await place(suite, 'default-mode'), { defaultMode: 0o400 }),
  );

  conformance(
    '[sig-storage] Downward API volume should set mode on item file [LinuxOnly] [NodeConformance]',
    async () => readName(volume, await place(suite, 'item-mode'), { itemMode: 0o400 }),
  );

  conformance('[sig-storage] Downward API volume should update labels on modification [NodeConformance]', async () =>
    followMetadata(volume, await place(suite, 'labels'), 'labels'),
  );

  conformance(
    '[sig-storage] Downward API volume should update annotations on modification [NodeConformance]',
    async () => followMetadata(volume, await place(suite, 'annotations'), 'annotations'),
  );

  conformance("[sig-storage] Downward API volume should provide container's cpu limit [NodeConformance]", async () =>
    readResource(volume, await place(suite, 'cpu-limit'), 'limits.cpu', '2'),
  );

  conformance("[sig-storage] Downward API volume should provide container's memory limit [NodeConformance]", async () =>
    readResource(volume, await place(suite, 'memory-limit'), 'limits.memory', '67108864'),
  );

  conformance("[sig-storage] Downward API volume should provide container's cpu request [NodeConformance]", async () =>
    readResource(volume, await place(suite, 'cpu-request'), 'requests.cpu', '1'),
  );

  conformance(
    "[sig-storage] Downward API volume should provide container's memory request [NodeConformance]",
    async () => readResource(volume, await place(suite, 'memory-request'), 'requests.memory', '33554432'),
  );

  conformance(
    '[sig-storage] Downward API volume should provide node allocatable (cpu) as default cpu limit if the limit is not set [NodeConformance]',
    async () => readResource(volume, await place(suite, 'cpu-default'), 'limits.cpu', /[1-9]/),
  );

  conformance(
    '[sig-storage] Downward API volume should provide node allocatable (memory) as default memory limit if the limit is not set [NodeConformance]',
    async () => readResource(volume, await place(suite, 'memory-default'), 'limits.memory', /[1-9]/),
  );
});
