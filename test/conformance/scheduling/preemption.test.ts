import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import type { PriorityClass } from '../../../src/api/generated/scheduling-v1.ts';
import { builtin, nodes, pods, replicaSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';
import { pause, template } from '../fixture/workloads.ts';

const classes = builtin<PriorityClass>('scheduling.k8s.io', 'v1', 'priorityclasses');
const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const nodeName = (await kube.of(nodes).list()).items[0]!.metadata.name;
/** A resource that only these tests use: so much of it that two Pods of two have room, and no third. */
const scarce = 'scheduling.k8s.io/foo';
/** That of the ReplicaSets. */
const fakeCpu = 'example.com/fakecpu';
const priorities = { 'sched-preemption-low': 1, 'sched-preemption-medium': 100, 'sched-preemption-high': 1000 };

const needing = (amount: number, resource = scarce) =>
  pause({ resources: { requests: { [resource]: `${amount}` }, limits: { [resource]: `${amount}` } } });

function pod(name: string, priorityClassName: string, amount: number, metadata: object = {}) {
  return { metadata: { name, ...metadata }, spec: template({}, needing(amount), { priorityClassName }).spec };
}

const isScheduled = (object: Pod | undefined) => object?.spec?.nodeName;

before(async () => {
  for (const [name, value] of Object.entries(priorities)) await kube.of(classes).create({ metadata: { name }, value });
  await offer({ [scarce]: '5', [fakeCpu]: '1k' });
});

/** As the suite does, by the node's status; waits until the node holds to it. */
async function offer(amounts: Record<string, string>): Promise<void> {
  await kube.of(nodes).patch(nodeName, 'merge', { status: { capacity: amounts, allocatable: amounts } }, 'status');
  await kube
    .of(nodes)
    .until(nodeName, (node) =>
      Object.entries(amounts).every(([name, amount]) => node?.status?.allocatable?.[name] === amount),
    );
}

/** Two Pods that fill the node: the first of low priority, the other of medium. */
async function fill(metadata: object = {}) {
  const namespace = await kube.namespace('sched-preemption');
  const inside = kube.of(pods, namespace);
  await inside.create(pod('pod0-low', 'sched-preemption-low', 2, metadata));
  await inside.create(pod('pod1-medium', 'sched-preemption-medium', 2));
  for (const name of ['pod0-low', 'pod1-medium'])
    await inside.until(name, (object) => isScheduled(object) && object?.status?.phase === 'Running');
  return inside;
}

// One after the other: they share the node.
conformance('[sig-scheduling] SchedulerPreemption validates basic preemption works [Serial]', async () => {
  const inside = await fill();
  await inside.create(pod('preemptor-pod', 'sched-preemption-high', 2));
  await inside.until('preemptor-pod', isScheduled);
  const left = (await inside.untilList(({ items }) => items.length === 2)).items;
  assert.deepEqual(left.map(({ metadata }) => metadata.name).sort(), ['pod1-medium', 'preemptor-pod']);
  assert.ok(left.every(({ metadata }) => !metadata.deletionTimestamp));
  await inside.deleteCollection({}, { gracePeriodSeconds: 0 });
  await inside.untilList(({ items }) => items.length === 0);
});

conformance(
  '[sig-scheduling] SchedulerPreemption validates lower priority pod preemption by critical pod [Serial]',
  async () => {
    const inside = await fill();
    const system = kube.of(pods, 'kube-system');
    await system.create(pod('critical-pod', 'system-cluster-critical', 2));
    await system.until('critical-pod', isScheduled);
    await inside.untilGone('pod0-low');
    assert.ok(!(await inside.get('pod1-medium')).metadata.deletionTimestamp);
    await system.delete('critical-pod', { gracePeriodSeconds: 0 });
    await inside.deleteCollection({}, { gracePeriodSeconds: 0 });
    for (const objects of [system, inside]) await objects.untilList(({ items }) => items.length === 0);
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption validates pod disruption condition is added to the preempted pod [Serial]',
  async () => {
    const finalizers = ['example.com/test-finalizer'];
    const inside = await fill({ finalizers });
    await inside.create(pod('preemptor-pod', 'sched-preemption-high', 2));
    // Its finalizer keeps the victim, so that it can be looked at.
    const victim = await inside.until('pod0-low', (object) => object?.metadata.deletionTimestamp);
    const condition = victim.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
    assert.deepEqual([condition?.status, condition?.reason], ['True', 'PreemptionByScheduler']);
    await inside.patch('pod0-low', 'json', [{ op: 'remove', path: '/metadata/finalizers' }]);
    await inside.until('preemptor-pod', isScheduled);
    await inside.deleteCollection({}, { gracePeriodSeconds: 0 });
    await inside.untilList(({ items }) => items.length === 0);
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path [Serial]',
  async () => {
    const namespace = await kube.namespace('sched-preemption-path');
    const [sets, inside] = [kube.of(replicaSets, namespace), kube.of(pods, namespace)];
    for (let i = 1; i <= 4; i++) await kube.of(classes).create({ metadata: { name: `p${i}` }, value: i });
    const nodeSelector = { 'kubernetes.io/hostname': nodeName };
    const watching = await inside.watch();
    // 950 of 1000.
    for (const [i, amount] of [200, 300, 450].entries()) {
      const name = `rs-pod${i + 1}`;
      await sets.create({
        metadata: { name },
        spec: {
          replicas: 1,
          selector: { matchLabels: { name } },
          template: template({ name }, needing(amount, fakeCpu), { priorityClassName: `p${i + 1}`, nodeSelector }),
        },
      });
      await sets.until(name, (set) => set?.status?.availableReplicas === 1);
    }
    await inside.create({
      metadata: { name: 'pod4', labels: { name: 'pod4' } },
      spec: template({}, needing(500, fakeCpu), { priorityClassName: 'p4', nodeSelector }).spec,
    });
    await inside.until('pod4', (object) => isScheduled(object) && object?.status?.phase === 'Running');
    const made: Record<string, number> = {};
    while (await watching.any(1000)) {
      const { type, object } = await watching.next();
      const name = (object as Pod).metadata.labels?.name;
      if (type === 'ADDED' && name) made[name] = (made[name] ?? 0) + 1;
    }
    watching.stop();
    // The two of the lowest priorities made room, and were replaced by Pods that wait.
    assert.deepEqual(made, { 'rs-pod1': 2, 'rs-pod2': 2, 'rs-pod3': 1, pod4: 1 });
  },
);

conformance(
  '[sig-scheduling] SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods [Serial]',
  async () => {
    const all = kube.of(classes);
    for (const value of [1, 2])
      await all.create({
        metadata: { name: `e2e-p${value}`, labels: { e2e: 'priority' } },
        value,
        description: 'made',
      });
    for (const value of [1, 2]) {
      const name = `e2e-p${value}`;
      // A priority never changes; what is said of it may.
      await refused(
        all.patch(name, 'json', [{ op: 'replace', path: '/value', value: value * 10 }]),
        422,
        /value: Forbidden: may not be changed in an update/,
      );
      await refused(
        all.change(name, (object) => {
          object.value = value * 10;
        }),
        422,
      );
      await all.patch(name, 'json', [{ op: 'replace', path: '/description', value: 'patched' }]);
      const updated = await all.change(name, (object) => {
        object.metadata.labels!.changed = 'yes';
      });
      assert.deepEqual(
        [updated.value, updated.description, updated.metadata.labels?.changed],
        [value, 'patched', 'yes'],
      );
    }
    const { items } = await all.list({ labelSelector: 'e2e=priority' });
    assert.deepEqual(
      items.map(({ value }) => value),
      [1, 2],
    );
    await all.delete('e2e-p1');
    await all.deleteCollection({ labelSelector: 'e2e=priority' });
    assert.equal((await all.list({ labelSelector: 'e2e=priority' })).items.length, 0);
  },
);
