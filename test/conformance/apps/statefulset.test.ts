import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { StatefulSet, StatefulSetSpec } from '../../../src/api/generated/apps-v1.ts';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { nodes, pods, services, statefulSets } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import type { Objects, Sketch } from '../fixture/kube.ts';
import { otherTesthost, testhost } from '../fixture/testhost-image.ts';
import { exerciseCollection, exerciseScale, exerciseStatus, pause, script, template } from '../fixture/workloads.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const labels = { foo: 'bar', baz: 'blah' };
const labelSelector = 'foo=bar,baz=blah';
const revisionLabel = 'controller-revision-hash';

/** Ready as long as nobody has broken it. */
const breakable = () =>
  script('touch /tmp/healthy; trap "exit 0" TERM; sleep 100000 & wait', {
    readinessProbe: {
      exec: { command: ['test', '-f', '/tmp/healthy'] },
      ...{ periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 30 },
    },
  });

function statefulSet(name: string, replicas: number, spec: Sketch<StatefulSetSpec> = {}, container = breakable()) {
  return {
    metadata: { name, labels },
    spec: {
      serviceName: 'test',
      replicas,
      selector: { matchLabels: labels },
      template: template(labels, container),
      ...spec,
    },
  };
}

/** A namespace with the headless Service that governs the sets. */
async function space() {
  const namespace = await kube.namespace('statefulset');
  await kube.of(services, namespace).create({
    metadata: { name: 'test', labels },
    spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'http', port: 80 }] },
  });
  return new Space(namespace);
}

class Space {
  readonly name: string;
  readonly sets: Objects<StatefulSet>;
  readonly inside: Objects<Pod>;

  constructor(name: string) {
    this.name = name;
    this.sets = kube.of(statefulSets, name);
    this.inside = kube.of(pods, name);
  }

  untilReady(name: string, count: number): Promise<StatefulSet> {
    return this.sets.until(
      name,
      (set) =>
        set?.status?.readyReplicas === count &&
        set.status.replicas === count &&
        set.status.observedGeneration === set.metadata.generation,
    );
  }

  /** Waits until the controller has seen the newest template. */
  untilObserved(name: string): Promise<StatefulSet> {
    return this.sets.until(name, (set) => set?.status?.observedGeneration === set?.metadata.generation);
  }

  async untilUpdated(name: string, count: number): Promise<StatefulSet> {
    return this.sets.until(name, (set) => {
      const status = set?.status;
      return (
        status?.updatedReplicas === count &&
        status.readyReplicas === 3 &&
        status.observedGeneration === set?.metadata.generation
      );
    });
  }

  break(...names: string[]): Promise<unknown> {
    return Promise.all(names.map((name) => this.#run(name, 'rm -f /tmp/healthy')));
  }

  restore(...names: string[]): Promise<unknown> {
    return Promise.all(names.map((name) => this.#run(name, 'touch /tmp/healthy')));
  }

  async untilNotReady(name: string): Promise<void> {
    await this.inside.until(name, (pod) => pod?.status?.containerStatuses?.[0]?.ready === false);
  }

  setImage(name: string, image: string): Promise<StatefulSet> {
    return this.sets.change(name, ({ spec }) => {
      spec!.template.spec!.containers[0]!.image = image;
    });
  }

  scale(name: string, replicas: number): Promise<StatefulSet> {
    return this.sets.change(name, ({ spec }) => {
      spec!.replicas = replicas;
    });
  }

  /** [image, revision] of each Pod, by ordinal. */
  async revisions(): Promise<[string, string][]> {
    const { items } = await this.inside.list({ labelSelector });
    return items
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map(({ metadata, spec }) => [spec!.containers[0]!.image!, metadata.labels![revisionLabel]!]);
  }

  async count(): Promise<number> {
    return (await this.inside.list({ labelSelector })).items.length;
  }

  /** The order in which Pods come ('ADDED') or go ('DELETED') from now on. */
  async order(type: 'ADDED' | 'DELETED'): Promise<(count: number) => Promise<string[]>> {
    const { metadata } = await this.inside.list();
    const watching = await this.inside.watch({ labelSelector, resourceVersion: metadata.resourceVersion });
    return async (count) => {
      const names: string[] = [];
      while (names.length < count) names.push((await watching.take(type)).metadata.name);
      watching.stop();
      return names;
    };
  }

  #run(pod: string, command: string): Promise<string> {
    return cluster.kubectl(['exec', '-n', this.name, pod, '--', 'sh', '-c', command]);
  }
}

/** Long enough for the controller to do what it should not. */
const pauseMs = 1500;
const wait = () => new Promise((resolve) => setTimeout(resolve, pauseMs));
const times = <T>(count: number, value: T): T[] => Array(count).fill(value);

const basic = '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic]';

describe(basic, { concurrency: 4 }, () => {
  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications',
    async () => {
      const there = await space();
      await there.sets.create(statefulSet('ss2', 3));
      const { status: first } = await there.untilReady('ss2', 3);
      assert.equal(first?.currentRevision, first?.updateRevision);
      assert.deepEqual(await there.revisions(), times(3, [testhost, first!.currentRevision]));
      const roll = async (from: string, to: string) => {
        await there.break('ss2-1');
        await there.untilNotReady('ss2-1');
        await there.setImage('ss2', to);
        const { status } = await there.untilObserved('ss2');
        assert.notEqual(status?.currentRevision, status?.updateRevision);
        const goes = await there.order('DELETED');
        // The update waits for the Pod that is not ready.
        await wait();
        assert.deepEqual(
          (await there.revisions()).map(([image]) => image),
          times(3, from),
        );
        await there.restore('ss2-1');
        const { status: done } = await there.sets.until(
          'ss2',
          (set) => set?.status?.currentRevision === status!.updateRevision && set?.status?.readyReplicas === 3,
        );
        assert.deepEqual(await there.revisions(), times(3, [to, done!.currentRevision]));
        assert.deepEqual(await goes(3), ['ss2-2', 'ss2-1', 'ss2-0']);
        return done!.currentRevision;
      };
      assert.notEqual(await roll(testhost, otherTesthost), first!.currentRevision);
      assert.equal(await roll(otherTesthost, testhost), first!.currentRevision);
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform canary updates and phased rolling updates of template modifications',
    async () => {
      const there = await space();
      const partitioned = (partition: number) => ({ type: 'RollingUpdate' as const, rollingUpdate: { partition } });
      const setPartition = (partition: number) =>
        there.sets.change('ss2', ({ spec }) => {
          spec!.updateStrategy = partitioned(partition);
        });
      await there.sets.create(statefulSet('ss2', 3, { updateStrategy: partitioned(3) }));
      const { status: first } = await there.untilReady('ss2', 3);
      assert.equal(first?.currentRevision, first?.updateRevision);
      const old: [string, string] = [testhost, first!.currentRevision!];
      assert.deepEqual(await there.revisions(), times(3, old));

      await there.setImage('ss2', otherTesthost);
      const { status: second } = await there.sets.until(
        'ss2',
        (set) => set?.status?.updateRevision !== first?.updateRevision,
      );
      const fresh: [string, string] = [otherTesthost, second!.updateRevision!];
      await wait();
      assert.deepEqual(await there.revisions(), times(3, old));

      await setPartition(2);
      await there.untilUpdated('ss2', 1);
      assert.deepEqual(await there.revisions(), [old, old, fresh]);

      // Pods that are lost meanwhile come back as the partition says.
      const { items } = await there.inside.list({ labelSelector });
      for (const { metadata } of items.filter(({ metadata }) => metadata.name !== 'ss2-1')) {
        await there.inside.delete(metadata.name);
        await there.inside.until(metadata.name, (pod) => pod && pod.metadata.uid !== metadata.uid);
      }
      await there.untilUpdated('ss2', 1);
      assert.deepEqual(await there.revisions(), [old, old, fresh]);

      for (const [partition, expected] of [
        [1, [old, fresh, fresh]],
        [0, [fresh, fresh, fresh]],
      ] as const) {
        await setPartition(partition);
        await there.untilUpdated('ss2', 3 - partition);
        assert.deepEqual(await there.revisions(), expected);
      }
      await there.sets.until('ss2', (set) => set?.status?.currentRevision === second!.updateRevision);
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Slow]',
    async () => {
      const there = await space();
      const comes = await there.order('ADDED');
      await there.sets.create(statefulSet('ss', 1));
      await there.untilReady('ss', 1);
      await there.break('ss-0');
      await there.untilNotReady('ss-0');
      await there.sets.until('ss', (set) => !set?.status?.readyReplicas);
      await there.scale('ss', 3);
      await wait();
      assert.equal(await there.count(), 1);
      await there.restore('ss-0');
      await there.untilReady('ss', 3);
      assert.deepEqual(await comes(3), ['ss-0', 'ss-1', 'ss-2']);

      const goes = await there.order('DELETED');
      const all = ['ss-0', 'ss-1', 'ss-2'];
      await there.break(...all);
      await there.sets.until('ss', (set) => !set?.status?.readyReplicas);
      await there.scale('ss', 0);
      await wait();
      assert.equal(await there.count(), 3);
      await there.restore(...all);
      assert.deepEqual(await goes(3), ['ss-2', 'ss-1', 'ss-0']);
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Burst scaling should run to completion even with unhealthy pods [Slow]',
    async () => {
      const there = await space();
      await there.sets.create(statefulSet('ss', 1, { podManagementPolicy: 'Parallel' }));
      await there.untilReady('ss', 1);
      await there.break('ss-0');
      await there.sets.until('ss', (set) => !set?.status?.readyReplicas);
      await there.scale('ss', 3);
      await there.inside.untilList(({ items }) => items.length === 3, { labelSelector });
      await there.restore('ss-0');
      await there.untilReady('ss', 3);
      await there.break('ss-0', 'ss-1', 'ss-2');
      await there.sets.until('ss', (set) => !set?.status?.readyReplicas);
      await there.scale('ss', 0);
      await there.inside.untilList(({ items }) => items.length === 0, { labelSelector });
      await there.sets.until('ss', (set) => set?.status?.replicas === 0);
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Should recreate evicted statefulset',
    async () => {
      const there = await space();
      const nodeName = (await kube.of(nodes).list()).items[0]!.metadata.name;
      const conflicting = pause({ ports: [{ hostPort: 21017, containerPort: 21017, name: 'conflict' }] });
      await there.inside.create({ metadata: { name: 'test-pod' }, spec: template({}, conflicting, { nodeName }).spec });
      await there.inside.until('test-pod', (pod) => pod?.status?.phase === 'Running');
      const watching = await there.inside.watch({ fieldSelector: 'metadata.name=ss-0' });
      await there.sets.create(statefulSet('ss', 1, { template: template(labels, conflicting, { nodeName }) }));
      // The node refuses it, and the controller makes another.
      const failed = await watching.take('MODIFIED', ({ status }) => status?.phase === 'Failed');
      const gone = await watching.take('DELETED');
      assert.equal(gone.metadata.uid, failed.metadata.uid);
      await there.inside.delete('test-pod', { gracePeriodSeconds: 0 });
      await there.inside.until(
        'ss-0',
        (pod) => pod?.status?.phase === 'Running' && pod.metadata.uid !== failed.metadata.uid,
      );
      watching.stop();
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should have a working scale subresource',
    async () => {
      const there = await space();
      await there.sets.create(statefulSet('ss', 1));
      await there.untilReady('ss', 1);
      await exerciseScale(kube, there.sets, 'ss');
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should list, patch and delete a collection of StatefulSets',
    async () => {
      const there = await space();
      await there.sets.create(statefulSet('test-ss', 1, {}, pause()));
      await there.untilReady('test-ss', 1);
      await there.sets.patch('test-ss', 'strategic', {
        metadata: { labels: { 'test-ss': 'patched' } },
        spec: {
          replicas: 2,
          template: { spec: { containers: [{ name: 'main', image: otherTesthost }] } },
        },
      });
      const patched = await there.sets.until(
        'test-ss',
        (set) => set?.status?.updatedReplicas === 2 && set.status.readyReplicas === 2,
      );
      assert.equal(patched.metadata.labels?.['test-ss'], 'patched');
      assert.equal(patched.spec?.template.spec?.containers[0]?.image, otherTesthost);
      assert.deepEqual(
        (await kube.of(statefulSets).list({ labelSelector: 'test-ss=patched' })).items.map(
          ({ metadata }) => metadata.name,
        ),
        ['test-ss'],
      );
      await exerciseCollection(there.sets, 'test-ss=patched', 1);
    },
  );

  conformance(
    '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should validate Statefulset Status endpoints',
    async () => {
      const there = await space();
      await there.sets.create(statefulSet('ss', 1, {}, pause()));
      await there.untilReady('ss', 1);
      await exerciseStatus(there.sets, 'ss');
    },
  );
});
