import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchTrees } from './launch-trees.ts';

const volume = { containerPath: '/data', readOnly: false };

test('root and namespaces stay where they are, sources of mounts move into the bundle', () => {
  const mounts = [{ ...volume, hostPath: '/srv' }];
  const { trees, sources } = launchTrees(
    '/b',
    { mounts, terminationMessage: { hostPath: '/t', containerPath: '/m' } },
    ['/s/net'],
  );
  assert.deepEqual(trees, [
    { source: '/b/rootfs', target: '/b/rootfs' },
    { source: '/s/net', target: '/s/net' },
    { source: '/srv', target: '/b/sources/0' },
    { source: '/t', target: '/b/sources/1' },
  ]);
  assert.deepEqual(
    [...sources],
    [
      ['/srv', '/b/sources/0'],
      ['/t', '/b/sources/1'],
    ],
  );
});

test('a source that is mounted twice has one place, which propagates if any of its mounts does', () => {
  const mounts = [
    { ...volume, hostPath: '/srv', propagation: 'hostToContainer' as const },
    { ...volume, hostPath: '/srv', containerPath: '/again' },
  ];
  assert.deepEqual(launchTrees('/b', { mounts }, []).trees.slice(1), [
    { source: '/srv', target: '/b/sources/0', propagates: true },
  ]);
});
