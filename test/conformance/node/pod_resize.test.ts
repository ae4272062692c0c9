import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { V1Container, V1Pod, V1ResourceRequirements } from '@kubernetes/client-node';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, strategicMergePatch, type TestNamespace, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();
const name = 'resize-test';

/** Thousandths of a CPU and mebibytes. */
interface Amounts {
  cpuReq?: number;
  cpuLim?: number;
  memReq?: number;
  memLim?: number;
}

function resources({ cpuReq, cpuLim, memReq, memLim }: Amounts): V1ResourceRequirements {
  const list = (cpu: number | undefined, memory: number | undefined) => ({
    ...(cpu !== undefined && { cpu: `${cpu}m` }),
    ...(memory !== undefined && { memory: `${memory}Mi` }),
  });
  const [requests, limits] = [list(cpuReq, memReq), list(cpuLim, memLim)];
  return {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

const guaranteed = (cpu: number, memory: number): Amounts => ({
  cpuReq: cpu,
  cpuLim: cpu,
  memReq: memory,
  memLim: memory,
});

const containersOf = (all: Amounts[]): V1Container[] =>
  all.map((amounts, i) => busybox(['sleep', '1d'], { name: `c${i + 1}`, resources: resources(amounts) }));

/** Without the classes of the client, and without what is not set. */
const plain = ({ limits, requests }: V1ResourceRequirements = {}) =>
  JSON.parse(JSON.stringify({ limits, requests })) as V1ResourceRequirements;

function expectSpec(pod: V1Pod, all: Amounts[]): void {
  assert.deepEqual(
    pod.spec?.containers.map((container) => plain(container.resources)),
    all.map(resources),
  );
}

const resizing = (pod: Pod) =>
  pod.status?.conditions?.some(({ type }) => type === 'PodResizePending' || type === 'PodResizeInProgress');

/** Waits until the status tells these resources and no resize is under way, and the kernel has them. */
async function expectActuated(namespace: TestNamespace, all: Amounts[]): Promise<void> {
  const pod = await namespace.until(name, (one) => {
    const told = (one?.status?.containerStatuses ?? []).map((status) => plain(status.resources));
    const ready = one?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    return ready && isDeepStrictEqual(told, all.map(resources)) && !resizing(one as Pod);
  });
  for (const status of pod.status?.containerStatuses ?? []) assert.equal(status.restartCount, 0);
  await Promise.all(all.map((amounts, i) => expectCgroup(namespace, `c${i + 1}`, amounts)));
}

async function expectCgroup(namespace: TestNamespace, container: string, amounts: Amounts): Promise<void> {
  const read = async (file: string) => (await namespace.exec(name, container, 'cat', `/sys/fs/cgroup/${file}`)).trim();
  const v2 = (await namespace.tryExec(name, container, 'test', '-e', '/sys/fs/cgroup/cgroup.controllers')).status;
  const { cpuReq = amounts.cpuLim, cpuLim, memLim } = amounts;
  // The kernel's least quota is a millisecond.
  const quota = cpuLim === undefined ? undefined : Math.max(1000, cpuLim * 100);
  if (v2.status === 'Success') {
    assert.equal(await read('cpu.max'), quota === undefined ? 'max 100000' : `${quota} 100000`);
    assert.equal(await read('memory.max'), memLim === undefined ? 'max' : String(memLim * 2 ** 20));
    return;
  }
  assert.equal(await read('cpu/cpu.shares'), String(Math.max(2, Math.floor(((cpuReq ?? 0) * 1024) / 1000))));
  assert.equal(await read('cpu/cpu.cfs_quota_us'), String(quota ?? -1));
  const memory = await read('memory/memory.limit_in_bytes');
  if (memLim === undefined) assert.ok(Number(memory) > 2 ** 40, `no limit, not ${memory}`);
  else assert.equal(memory, String(memLim * 2 ** 20));
}

async function createPod(all: Amounts[]): Promise<TestNamespace> {
  const namespace = await testNamespace(suite, 'resize');
  const pod = await namespace.createReady(podOf(name, containersOf(all), { restartPolicy: 'OnFailure' }));
  expectSpec(pod, all);
  for (const { resizePolicy } of pod.spec?.containers ?? [])
    for (const { restartPolicy } of resizePolicy ?? []) assert.equal(restartPolicy, 'NotRequired');
  await expectActuated(namespace, all);
  return namespace;
}

/** Resizes there and, as the suite does, back again. */
async function patchAndRollback(original: Amounts[], desired: Amounts[], { rollback = true } = {}): Promise<void> {
  const namespace = await createPod(original);
  for (const amounts of rollback ? [desired, original] : [desired]) {
    const containers = containersOf(amounts).map(({ name: of, resources: wanted }) => ({
      name: of,
      resources: wanted,
    }));
    const patch = { namespace: namespace.name, name, body: { spec: { containers } } };
    expectSpec(await namespace.core.patchNamespacedPodResize(patch, strategicMergePatch), amounts);
    await expectActuated(namespace, amounts);
  }
  await namespace.remove(name, 0);
}

const [cpu, lessCpu, moreCpu] = [20, 15, 25];
const [mem, lessMem, moreMem] = [35, 30, 40];
/** Three containers, each with a little more than the one before. */
const three = (...pairs: [number, number][]) => pairs.map(([c, m], i) => guaranteed(c + 2 * i, m + 2 * i));
const originals = three([cpu, mem], [cpu, mem], [cpu, mem]);

describe('in-place resize', { concurrency: 3 }, () => {
  conformance(
    '[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase [MinimumKubeletVersion:1.34]',
    () => patchAndRollback(originals, three([moreCpu, moreMem], [moreCpu, moreMem], [lessCpu, lessMem])),
  );

  conformance(
    '[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease [MinimumKubeletVersion:1.34]',
    () => patchAndRollback(originals, three([moreCpu, moreMem], [lessCpu, lessMem], [lessCpu, lessMem])),
  );

  conformance(
    '[sig-node] Pod InPlace Resize Container guaranteed pods with multiple containers 3 containers - increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2) [MinimumKubeletVersion:1.34]',
    () => patchAndRollback(originals, three([moreCpu, mem], [lessCpu, moreMem], [moreCpu, moreMem])),
  );

  conformance(
    '[sig-node] Pod InPlace Resize Container burstable pods - extended 6 containers - various operations performed (including adding limits and requests) [MinimumKubeletVersion:1.34]',
    () =>
      patchAndRollback(
        [{ cpuReq: cpu }, { memReq: mem }, { cpuReq: cpu, memReq: mem }, { cpuReq: cpu }, { memReq: mem }],
        [
          { cpuReq: moreCpu, cpuLim: 35 },
          { memReq: lessMem, memLim: 50 },
          { cpuReq: cpu, memReq: lessMem },
          { cpuReq: lessCpu, memReq: mem },
          { cpuReq: cpu, memReq: moreMem },
        ],
        // What was added cannot be taken away again.
        { rollback: false },
      ),
  );

  conformance(
    '[sig-node] Pod InPlace Resize Container burstable pods - extended resize with equivalents [MinimumKubeletVersion:1.34]',
    // Both requests are the same number of shares to the kernel, and both limits the same quota.
    () => patchAndRollback([{ cpuReq: 2, cpuLim: 10 }], [{ cpuReq: 1, cpuLim: 5 }]),
  );

  conformance(
    '[sig-node] Pod InPlace Resize Container resize pod via the replace endpoint [MinimumKubeletVersion:1.34]',
    async () => {
      const namespace = await createPod([guaranteed(cpu, mem)]);
      const body = await namespace.core.readNamespacedPodResize({ namespace: namespace.name, name });
      expectSpec(body, [guaranteed(cpu, mem)]);
      const wanted = guaranteed(moreCpu, moreMem);
      Object.assign(body.spec?.containers[0] ?? {}, { resources: resources(wanted) });
      const replaced = await namespace.core.replaceNamespacedPodResize({ namespace: namespace.name, name, body });
      expectSpec(replaced, [wanted]);
      await expectActuated(namespace, [wanted]);
    },
  );
});
