import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { binaryQuantity, evictionMessage } from './messages.ts';
import { localStorageExcess } from './plan-local-storage.ts';
import type { PodUsage } from './pod-usage.ts';
import { rankPods } from './rank-pods.ts';
import type { StarvedResource } from './thresholds.ts';

const Mi = 2 ** 20;
const none = { bytes: 0, inodes: 0 };

interface Given {
  memory?: number;
  disk?: number;
  inodes?: number;
  processes?: number;
  priority?: number;
  requests?: Record<string, string>;
}

function usage(name: string, given: Given, spec: Partial<PodSpec> = {}): PodUsage {
  const { memory = 0, disk = 0, inodes = 0, processes = 0, priority, requests } = given;
  const pod = {
    metadata: { name },
    spec: {
      ...(priority !== undefined && { priority }),
      containers: [{ name: 'main', ...(requests && { resources: { requests } }) }],
      ...spec,
    },
  } as Pod;
  return {
    pod,
    memoryBytes: memory,
    processes,
    containers: [{ name: 'main', memoryBytes: memory, rootfs: { bytes: disk, inodes }, logs: none }],
    volumes: [],
  };
}

const rows: [string, StarvedResource, Record<string, Given>, string[]][] = [
  [
    'above the request before below it, however little',
    'memory',
    {
      within: { memory: 900 * Mi, requests: { memory: '1Gi' } },
      above: { memory: 11 * Mi, requests: { memory: '10Mi' } },
    },
    ['above', 'within'],
  ],
  [
    'among those above, the less important first',
    'memory',
    { important: { memory: 500 * Mi, priority: 1000 }, humble: { memory: 5 * Mi, priority: 0 } },
    ['humble', 'important'],
  ],
  [
    'among equals, the one furthest above its request',
    'memory',
    {
      some: { memory: 300 * Mi, requests: { memory: '200Mi' } },
      most: { memory: 200 * Mi },
      least: { memory: 210 * Mi, requests: { memory: '200Mi' } },
    },
    ['most', 'some', 'least'],
  ],
  [
    'a request protects only up to its size, not by priority',
    'memory',
    {
      low: { memory: 50 * Mi, priority: 0, requests: { memory: '100Mi' } },
      high: { memory: 150 * Mi, priority: 9, requests: { memory: '100Mi' } },
    },
    ['high', 'low'],
  ],
  [
    'disk counts against the request for ephemeral-storage',
    'ephemeral-storage',
    {
      asked: { disk: 900, requests: { 'ephemeral-storage': '1k' } },
      took: { disk: 100 },
    },
    ['took', 'asked'],
  ],
  ['inodes nobody can ask for', 'inodes', { few: { inodes: 3 }, many: { inodes: 300 } }, ['many', 'few']],
  [
    'processes: by priority, then by number',
    'pids',
    { many: { processes: 900, priority: 5 }, some: { processes: 90 }, few: { processes: 9 } },
    ['some', 'few', 'many'],
  ],
];

describe('rankPods', () => {
  for (const [name, resource, pods, expected] of rows)
    it(name, () => {
      const usages = Object.entries(pods).map(([pod, given]) => usage(pod, given));
      assert.deepEqual(
        rankPods(resource, usages).map(({ pod }) => pod.metadata.name),
        expected,
      );
    });

  it('puts what could not be measured first', () => {
    const known = usage('known', { memory: 900 * Mi });
    const unknown = { ...usage('unknown', {}), memoryBytes: undefined };
    assert.equal(rankPods('memory', [known, unknown])[0], unknown);
  });
});

describe('the message of an eviction', () => {
  it('names the resource, the threshold and the containers above their request', () => {
    const threshold = { signal: 'memory.available', value: { quantity: 100 * Mi }, graceMs: 0 } as const;
    const reclaim = { threshold, resource: 'memory', quantity: 100 * Mi, available: 50_000 * 1024 } as const;
    const hog = usage('hog', { memory: 300 * Mi, requests: { memory: '10Mi' } });
    assert.equal(
      evictionMessage(reclaim, hog),
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50000Ki. ' +
        'Container main was using 300Mi, request is 10Mi, has larger consumption of memory. ',
    );
  });

  for (const [bytes, text] of [
    [0, '0'],
    [1000, '1000'],
    [1024, '1Ki'],
    [1536 * 1024, '1536Ki'],
    [2 ** 40, '1Ti'],
  ] as const)
    it(`writes ${bytes} bytes as ${text}`, () => assert.equal(binaryQuantity(bytes), text));
});

describe('limits of local storage', () => {
  const limited = (limit: string, disk: number) =>
    usage(
      'limited',
      { disk },
      { containers: [{ name: 'main', resources: { limits: { 'ephemeral-storage': limit } } }] },
    );
  const scratch = (bytes: number, memory = false): PodUsage => ({
    ...usage(
      'scratch',
      {},
      {
        volumes: [{ name: 'cache', emptyDir: { sizeLimit: '10Mi', ...(memory && { medium: 'Memory' }) } }],
      },
    ),
    volumes: [{ name: 'cache', use: { bytes, inodes: 1 }, memory }],
  });
  const cases: [string, PodUsage, string | undefined][] = [
    ['within', limited('1Mi', Mi), undefined],
    ['no limit', usage('free', { disk: 500 * Mi }), undefined],
    ['above', limited('1Mi', Mi + 1), 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. '],
    ['a full emptyDir', scratch(10 * Mi), undefined],
    ['an emptyDir above its limit', scratch(11 * Mi), 'Usage of EmptyDir volume "cache" exceeds the limit "10Mi". '],
    ['one in memory', scratch(11 * Mi, true), 'Usage of EmptyDir volume "cache" exceeds the limit "10Mi". '],
    [
      'one container above its own limit, the Pod within the sum',
      {
        ...usage(
          'two',
          {},
          {
            containers: ['a', 'b'].map((name) => ({ name, resources: { limits: { 'ephemeral-storage': '1Mi' } } })),
          },
        ),
        containers: [{ name: 'a', memoryBytes: 0, rootfs: { bytes: Mi, inodes: 1 }, logs: { bytes: 4096, inodes: 1 } }],
      },
      'Container a exceeded its local ephemeral storage limit "1Mi". ',
    ],
  ];
  for (const [name, given, expected] of cases) it(name, () => assert.equal(localStorageExcess(given), expected));
});
