import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerId, podCgroup, processInfo, snapshotOf, webHost, webObjects } from './testing.ts';

test('a process leads to its container, Pod and owners', () => {
  const snapshot = snapshotOf(webHost(), webObjects([{ name: 'web-1-a', containerId: containerId('a') }]));
  const container = snapshot.processes.get(12)?.container;
  assert.equal(container?.name, 'httpd');
  assert.equal(container?.image, 'httpd:latest');
  assert.equal(container?.cluster, 'default');
  assert.equal(container?.pod?.name, 'web-1-a');
  assert.deepEqual(
    container?.pod?.owners.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    ['ReplicaSet/web-1', 'Deployment/web'],
  );
});

test('the first process is the child of the monitor, not what exec started, even if that looks older', () => {
  const snapshot = snapshotOf(webHost());
  const container = snapshot.containers.get(containerId('a'));
  assert.equal(container?.monitor?.pid, 10);
  assert.equal(container?.first?.pid, 11);
  assert.equal(snapshot.processes.get(10)?.role, 'monitor');
  assert.equal(snapshot.processes.get(11)?.role, 'first');
  assert.equal(snapshot.processes.get(14)?.role, undefined);
});

test('without an API the Pod is known by its uid only', () => {
  const container = snapshotOf(webHost()).containers.get(containerId('a'));
  assert.equal(container?.pod, undefined);
  assert.equal(container?.podUid, 'uid-web-1-a');
});

test('a namespace knows its members, its containers, and whether it is the host’s', () => {
  const { namespaces } = snapshotOf(webHost());
  assert.deepEqual(
    namespaces.get(50)?.members.map(({ pid }) => pid),
    [11, 12, 13, 14],
  );
  assert.equal(namespaces.get(50)?.host, false);
  assert.equal(namespaces.get(3)?.host, true);
  assert.equal(namespaces.get(3)?.containers.size, 1);
});

test('a running container whose process was not seen is there, without processes', () => {
  const snapshot = snapshotOf([], webObjects([{ name: 'web-1-a', containerId: containerId('a') }]));
  assert.deepEqual(snapshot.containers.get(containerId('a'))?.processes, []);
});

test('containers of two clusters stay apart', () => {
  const inCluster = (pid: number, digit: string, cluster: string) =>
    processInfo(pid, 1, { cgroups: { '': podCgroup('p', containerId(digit), cluster) } });
  const { containers } = snapshotOf([inCluster(5, 'a', 'one'), inCluster(6, 'b', 'two')]);
  assert.deepEqual(
    [...containers.values()].map(({ cluster }) => cluster),
    ['one', 'two'],
  );
});

test('processes in cgroups below a container’s own belong to it', () => {
  const own = podCgroup('p', containerId('a'));
  const { containers } = snapshotOf([
    processInfo(5, 1, { cgroups: { '': `${own}/nested` } }),
    processInfo(6, 5, { cgroups: { '': own } }),
  ]);
  const container = containers.get(containerId('a'));
  assert.equal(container?.cgroup, own);
  assert.deepEqual(
    container?.processes.map(({ pid }) => pid),
    [5, 6],
  );
});

test('with threads read, the count is the length of the list', () => {
  const info = processInfo(5, 1, { threadCount: 3 });
  const snapshot = snapshotOf([
    {
      ...info,
      threads: [
        { ...info, tid: 5 },
        { ...info, tid: 6 },
      ],
    },
  ]);
  assert.equal(snapshot.processes.get(5)?.threadCount, 2);
});
