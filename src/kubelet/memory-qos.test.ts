import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../api/generated/core-v1.ts';
import { kubeletConfiguration } from './configuration.ts';
import { resourcesOnNode } from './container-resources.ts';
import { classMemoryQos, containerMemoryQos, podMemoryQos } from './memory-qos.ts';

const Mi = 2 ** 20;
const of = (request?: string, limit?: string): PodSpec => ({
  containers: [
    {
      name: 'c',
      resources: {
        ...(request && { requests: { memory: request, cpu: '1' } }),
        ...(limit && { limits: { memory: limit, cpu: '1' } }),
      },
    },
  ],
});
const burstable = of('256Mi', '512Mi');
const guaranteed = of('256Mi', '256Mi');
const throttle = { throttlingFactor: 0.9, reserves: false };
const reserve = { throttlingFactor: 0.9, reserves: true };

describe('memory with the gate MemoryQoS (KEP-2570)', () => {
  const rows: [string, PodSpec, typeof throttle, object][] = [
    ['slows down between request and limit', burstable, throttle, { memoryHighBytes: 486.4 * Mi }],
    ['slows down before the node is full without a limit', of('100Mi'), throttle, { memoryHighBytes: 910 * Mi }],
    ['slows nobody down who has all that is asked for', guaranteed, throttle, { memoryHighBytes: -1 }],
    [
      'keeps the memory of a Guaranteed Pod',
      guaranteed,
      reserve,
      { memoryMinBytes: 256 * Mi, memoryLowBytes: 0, memoryHighBytes: -1 },
    ],
    [
      'keeps the memory of a Burstable one as long as it can',
      of('100Mi'),
      reserve,
      { memoryMinBytes: 0, memoryLowBytes: 100 * Mi, memoryHighBytes: 910 * Mi },
    ],
  ];
  for (const [what, spec, qos, expected] of rows)
    it(what, () => {
      const found = containerMemoryQos(spec, spec.containers[0]!, qos, 1000 * Mi);
      const rounded = Object.fromEntries(
        Object.entries(expected).map(([name, bytes]) => [name, bytes < 0 ? bytes : Math.floor(bytes / 4096) * 4096]),
      );
      assert.deepEqual(found, rounded);
    });

  it('is kept for the Pod and for its class', () => {
    assert.deepEqual(podMemoryQos(guaranteed, reserve), { memoryMinBytes: 256 * Mi, memoryLowBytes: 0 });
    assert.deepEqual(podMemoryQos(guaranteed, throttle), {});
    assert.deepEqual(classMemoryQos([guaranteed, burstable, of()], reserve), {
      all: { memoryMinBytes: 512 * Mi },
      burstable: { memoryLowBytes: 256 * Mi },
    });
  });

  it('is off by default, as in Kubernetes', () => {
    assert.equal(kubeletConfiguration({}).memoryQos, undefined);
    const featureGates = { MemoryQoS: true };
    assert.deepEqual(kubeletConfiguration({ featureGates }).memoryQos, throttle);
    const memoryReservationPolicy = 'TieredReservation';
    assert.deepEqual(kubeletConfiguration({ featureGates, memoryReservationPolicy }).memoryQos, reserve);
    assert.throws(() => kubeletConfiguration({ memoryReservationPolicy }), /requires feature gate MemoryQoS/);
    assert.throws(() => kubeletConfiguration({ memoryThrottlingFactor: 2 }), /less than or equal to 1.0/);
  });
});

describe('what the cgroup of a container has on a node', () => {
  const allocatable = { cpu: 1000, memory: 1000 * Mi } as never;
  const node = (machine: object, configuration = {}) => ({
    machine: { memoryBytes: 4000 * Mi, cpus: 2, ...machine },
    configuration: kubeletConfiguration(configuration),
    allocatable,
  });
  it('no huge pages unless asked for, where the machine has some', () => {
    const [container] = burstable.containers;
    const machine = { hugepages: { '2Mi': 8 * Mi, '1Gi': 0 } };
    assert.deepEqual(resourcesOnNode(node(machine), container!, burstable).hugepages, { '2Mi': 0 });
    assert.equal(resourcesOnNode(node({ hugepages: { '2Mi': 0 } }), container!, burstable).hugepages, undefined);
    const asking = { ...container!, resources: { limits: { 'hugepages-2Mi': '4Mi' } } };
    assert.deepEqual(resourcesOnNode(node(machine), asking, burstable).hugepages, { '2Mi': 4 * Mi });
  });

  it('the swap that its requests are worth, so also after a resize', () => {
    const memorySwap = { swapBehavior: 'LimitedSwap' };
    const swap = (spec: PodSpec) =>
      resourcesOnNode(node({ swapBytes: 1000 * Mi }, { memorySwap }), spec.containers[0]!, spec).swapBytes;
    assert.equal(swap(of('400Mi', '800Mi')), 100 * Mi);
    assert.equal(swap(of('200Mi', '800Mi')), 50 * Mi);
  });
});
