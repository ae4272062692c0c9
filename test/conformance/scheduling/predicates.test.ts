import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { Container, Event, PodSpec } from '../../../src/api/generated/core-v1.ts';
import { quantityMilliValue } from '../../../src/api/quantity.ts';
import { events, nodes, pods } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { pause, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const node = (await kube.of(nodes).list()).items[0]!;
const nodeName = node.metadata.name;

async function space() {
  const namespace = await kube.namespace('sched-pred');
  const inside = kube.of(pods, namespace);
  const create = (name: string, container: Container, spec: Partial<PodSpec> = {}) =>
    inside.create({ metadata: { name, labels: { name } }, spec: template({}, container, spec).spec });
  return {
    inside,
    create,
    untilScheduled: (name: string) => inside.until(name, (pod) => pod?.spec?.nodeName),
    /** The scheduler says why it cannot place the Pod. */
    async untilRefused(name: string): Promise<Event> {
      const { items } = await kube
        .of(events, namespace)
        .untilList((list) => list.items.some(({ reason }) => reason === 'FailedScheduling'), {
          fieldSelector: `involvedObject.name=${name}`,
        });
      const { spec, status } = await inside.get(name);
      assert.equal(spec?.nodeName, undefined);
      assert.ok(
        status?.conditions?.some(
          ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
        ),
      );
      return items.find(({ reason }) => reason === 'FailedScheduling')!;
    },
  };
}

const requesting = (cpuMilli: number) =>
  pause({ resources: { requests: { cpu: `${cpuMilli}m` }, limits: { cpu: `${cpuMilli}m` } } });

// One after the other: each must have the node for itself.
conformance(
  '[sig-scheduling] SchedulerPredicates validates resource limits of pods that are allowed to run [Serial]',
  async () => {
    const there = await space();
    const { items } = await kube.of(pods).list({ fieldSelector: `spec.nodeName=${nodeName}` });
    const used = items
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      .flatMap(({ spec }) => spec!.containers)
      .reduce((sum, { resources }) => sum + quantityMilliValue(resources?.requests?.cpu ?? '0'), 0);
    const free = quantityMilliValue(node.status!.allocatable!.cpu!) - used;
    const filler = Math.floor(free * 0.7);
    await there.create('filler-pod', requesting(filler));
    await there.untilScheduled('filler-pod');
    await there.create('additional-pod', requesting(Math.floor(free * 0.5)));
    assert.match(
      (await there.untilRefused('additional-pod')).message!,
      /0\/\d+ nodes are available: .*\d+ Insufficient cpu/,
    );
    await there.inside.delete('filler-pod', { gracePeriodSeconds: 0 });
    // With the room it needs, it is placed.
    await there.untilScheduled('additional-pod');
    await there.inside.deleteCollection();
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if not matching [Serial]',
  async () => {
    const there = await space();
    await there.create('restricted-pod', pause(), { nodeSelector: { label: 'nonempty' } });
    assert.match(
      (await there.untilRefused('restricted-pod')).message!,
      /node\(s\) didn't match Pod's node affinity\/selector/,
    );
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if matching [Serial]',
  async () => {
    const there = await space();
    const key = 'kubernetes.io/e2e-conformance';
    await kube.of(nodes).patch(nodeName, 'merge', { metadata: { labels: { [key]: '42' } } });
    await there.create('with-labels', pause(), { nodeSelector: { [key]: '42' } });
    assert.equal((await there.untilScheduled('with-labels')).spec?.nodeName, nodeName);
    await kube.of(nodes).patch(nodeName, 'merge', { metadata: { labels: { [key]: null } } });
  },
);

conformance(
  '[sig-scheduling] SchedulerPredicates validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP [Serial]',
  async () => {
    const there = await space();
    const address = node.status!.addresses!.find(({ type }) => type === 'InternalIP')!.address;
    const using = (hostIP: string) =>
      pause({ ports: [{ hostPort: 54322, containerPort: 8080, protocol: 'TCP', hostIP }] });
    const nodeSelector = { 'kubernetes.io/hostname': node.metadata.labels!['kubernetes.io/hostname']! };
    await there.create('pod4', using(''), { nodeSelector });
    await there.untilScheduled('pod4');
    await there.create('pod5', using(address), { nodeSelector });
    assert.match(
      (await there.untilRefused('pod5')).message!,
      /node\(s\) didn't have free ports for the requested pod ports/,
    );
  },
);
