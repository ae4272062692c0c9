import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerStatus, Pod, PodSpec, Service } from '../api/generated/core-v1.ts';
import { qosClassOf } from '../api/qos.ts';
import { FakeClock } from '../base/clock.ts';
import { CrashLoop, goDuration } from './crash-loop.ts';
import { containerEnv } from './env/container-env.ts';
import { expand } from './env/expand.ts';
import { serviceEnv } from './env/service-env.ts';
import { credentialsOf } from './images/pull-secrets.ts';
import { hostsFile, parseResolvConf, resolvConf } from './pod-files.ts';
import { milliValue, wholeValue } from './quantity.ts';
import { containerResources, oomScoreAdj, podLimits, swapBytes } from './resources.ts';
import { podPhase } from './status/pod-phase.ts';
import { statusPatch } from './status/status-patch.ts';

const metadata = (name: string) => ({ name, namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '' });
const pod = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('web'),
  spec: { containers: [{ name: 'c' }], ...spec },
});

describe('quantities', () => {
  for (const [text, milli, whole] of [
    ['100m', 100, 1],
    ['1', 1000, 1],
    ['1.5Gi', 1610612736000, 1610612736],
    ['2e3', 2000000, 2000],
    ['0.1', 100, 1],
  ] as const)
    it(`${text} is ${milli} thousandths`, () => assert.deepEqual([milliValue(text), wholeValue(text)], [milli, whole]));
});

describe('expand', () => {
  const map = new Map([
    ['A', 'x'],
    ['B', '$(A)'],
  ]);
  for (const [from, to] of [
    ['$(A)-$(A)', 'x-x'],
    ['$$(A)', '$(A)'],
    ['$(NO)', '$(NO)'],
    ['$(B)', '$(A)'],
    ['$A $', '$A $'],
    ['a$(A', 'a$(A'],
  ])
    it(`${from} becomes ${to}`, () => assert.equal(expand(from!, map), to));
});

describe('the environment of a container', () => {
  const facts = {
    podIPs: ['10.1.0.1'],
    hostIP: '10.0.0.1',
    nodeName: 'n',
    allocatable: { cpu: 2, memory: 1e9, 'ephemeral-storage': 1 },
  };
  const references = {
    configMap: async () => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('cm'),
      data: { K: 'v', 'with=sign': '1' },
    }),
    secret: async () => ({ apiVersion: 'v1', kind: 'Secret', metadata: metadata('s'), data: { P: 'c2VjcmV0' } }),
  };
  const container: Container = {
    name: 'c',
    resources: { requests: { cpu: '250m' } },
    envFrom: [{ configMapRef: { name: 'cm' }, prefix: 'P_' }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'URL', value: 'http://$(IP):$(SVC_PORT)/$(P_K)' },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
      { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'P' } } },
      { name: 'MAYBE', valueFrom: { secretKeyRef: { name: 's', key: 'none', optional: true } } },
    ],
  };
  const input = { pod: pod(), container, facts, references, services: new Map([['SVC_PORT', '80']]) };

  it('resolves every source, in order', async () => {
    const invalid: string[] = [];
    const env = await containerEnv({
      ...input,
      volumeFile: () => undefined,
      invalidKeys: (source, keys) => invalid.push(source, ...keys),
    });
    assert.deepEqual(Object.fromEntries(env), {
      P_K: 'v',
      IP: '10.1.0.1',
      URL: 'http://10.1.0.1:80/v',
      CPU: '250',
      LIMIT: '2',
      SECRET: 'secret',
      SVC_PORT: '80',
    });
    assert.deepEqual(invalid, ['configMap ns/cm', 'P_with=sign']);
  });

  it('names a key that is missing', async () => {
    const missing: Container = {
      name: 'c',
      env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'none' } } }],
    };
    await assert.rejects(
      containerEnv({ ...input, container: missing, volumeFile: () => undefined, invalidKeys: () => {} }),
      {
        message: "couldn't find key none in ConfigMap ns/cm",
      },
    );
  });

  it('links Services of the namespace, and kubernetes always', () => {
    const service = (name: string, ip: string): Service => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(name),
      spec: { clusterIP: ip, ports: [{ name: 'http', port: 80 }] },
    });
    const lister = {
      get: () => service('kubernetes', '10.0.0.1'),
      list: () => [service('my-web', '10.0.0.2'), service('headless', 'None')],
      byIndex: () => [],
    };
    const env = serviceEnv(lister, 'ns', true);
    assert.equal(env.get('KUBERNETES_SERVICE_HOST'), '10.0.0.1');
    assert.equal(env.get('MY_WEB_SERVICE_PORT_HTTP'), '80');
    assert.equal(env.get('MY_WEB_PORT_80_TCP'), 'tcp://10.0.0.2:80');
    assert.ok(![...env.keys()].some((name) => name.startsWith('HEADLESS')));
    assert.ok(!serviceEnv(lister, 'ns', false).has('MY_WEB_PORT'));
  });
});

describe('CrashLoop', () => {
  it('lets the first restart go, then doubles from 10 s to 300 s, and forgives after 10 minutes', () => {
    const clock = new FakeClock();
    const loop = new CrashLoop(clock);
    const delays: number[] = [];
    for (let crash = 0; crash < 8; crash++) {
      const finishedAtMs = clock.now();
      const wait = loop.waiting('k', finishedAtMs);
      delays.push(wait?.delayMs ?? 0);
      clock.advance(wait?.leftMs ?? 0);
      assert.equal(loop.waiting('k', finishedAtMs), undefined);
      loop.restarted('k', finishedAtMs);
      clock.advance(1000);
    }
    assert.deepEqual(delays, [0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    clock.advance(601_000);
    assert.equal(loop.waiting('k', clock.now()), undefined);
  });
  for (const [direction, hour] of [
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ] as const)
    it(`waits once and no longer when the clock is put ${direction}`, () => {
      const clock = new FakeClock();
      const loop = new CrashLoop(clock);
      loop.restarted('k', clock.now());
      clock.advance(1000);
      const finishedAtMs = clock.now();
      assert.equal(loop.waiting('k', finishedAtMs)?.leftMs, 10_000);
      clock.set(clock.now() + hour);
      clock.advance(4000);
      assert.equal(loop.waiting('k', finishedAtMs)?.leftMs, 6000);
      clock.advance(6000);
      assert.equal(loop.waiting('k', finishedAtMs), undefined);
    });
  it('waits no longer than the delay for an end that the clock puts into the future', () => {
    const clock = new FakeClock();
    const loop = new CrashLoop(clock);
    loop.restarted('k', clock.now());
    clock.advance(1000);
    const finishedAtMs = clock.now() + 3_600_000;
    assert.equal(loop.waiting('k', finishedAtMs)?.leftMs, 10_000);
    clock.advance(10_000);
    assert.equal(loop.waiting('k', finishedAtMs), undefined);
  });
  for (const [ms, text] of [
    [10_000, '10s'],
    [80_000, '1m20s'],
    [300_000, '5m0s'],
    [1234, '1.234s'],
    [308, '308ms'],
    [3_600_000, '1h0m0s'],
  ] as const)
    it(`prints ${ms} ms as ${text}`, () => assert.equal(goDuration(ms), text));
});

describe('files of a Pod', () => {
  const host = parseResolvConf('nameserver 1.1.1.1\nsearch lan\noptions edns0\n');
  const cluster = { dnsServiceIp: '10.96.0.10', clusterDomain: 'cluster.local' };
  const clusterFirst =
    'search ns.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:5\n';
  const rows: [string, Partial<PodSpec>, string][] = [
    ['ClusterFirst', {}, clusterFirst],
    [
      'ClusterFirst on the host network is Default',
      { hostNetwork: true },
      'search lan\nnameserver 1.1.1.1\noptions edns0\n',
    ],
    ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, clusterFirst],
    [
      'None with dnsConfig',
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['9.9.9.9'], searches: ['a.b'], options: [{ name: 'ndots', value: '2' }] },
      },
      'search a.b\nnameserver 9.9.9.9\noptions ndots:2\n',
    ],
    [
      'dnsConfig over ClusterFirst',
      { dnsConfig: { options: [{ name: 'ndots', value: '1' }] } },
      clusterFirst.replace('ndots:5', 'ndots:1'),
    ],
  ];
  for (const [what, spec, text] of rows)
    it(`resolv.conf: ${what}`, () => assert.equal(resolvConf(pod(spec), cluster, host), text));
  it('hosts names the Pod and its aliases', () => {
    const text = hostsFile(
      pod({ hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] }),
      ['10.1.0.1'],
      'web',
      'sub.ns.svc.cluster.local',
    );
    assert.ok(
      text.endsWith('10.1.0.1\tweb.sub.ns.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n1.2.3.4\tx\ty\n'),
    );
  });
});

describe('resources', () => {
  const of = (requests: Record<string, string>, limits: Record<string, string> = {}): PodSpec => ({
    containers: [{ name: 'c', resources: { requests, limits } }],
  });
  const rows: [string, PodSpec, string, number, object][] = [
    ['nothing asked for', of({}), 'BestEffort', 1000, { cpuShares: 2 }],
    ['requests only', of({ cpu: '500m', memory: '100Mi' }), 'Burstable', 900, { cpuShares: 512 }],
    [
      'requests equal limits',
      of({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }),
      'Guaranteed',
      -997,
      { cpuShares: 1024, cpuQuota: 100_000, cpuPeriod: 100_000, memoryBytes: 2 ** 30 },
    ],
  ];
  for (const [what, spec, qos, score, limits] of rows)
    it(`${what}: ${qos}`, () => {
      assert.equal(qosClassOf(spec), qos);
      assert.equal(oomScoreAdj(spec, spec.containers[0]!, 1000 * 2 ** 20), score);
      assert.deepEqual(podLimits(spec), limits);
      assert.deepEqual(containerResources(spec.containers[0]!, spec), limits);
    });
});

describe('swap', () => {
  const machine = { memoryBytes: 4000, swapBytes: 1000 };
  const of = (memory: string | undefined, limit?: string, more: Partial<PodSpec> = {}) => {
    const resources = { ...(memory && { requests: { memory } }), ...(limit && { limits: { memory: limit } }) };
    return { containers: [{ name: 'c', resources }], ...more };
  };
  for (const [what, spec, behavior, bytes] of [
    ['is none unless granted', of('400', '800'), 'NoSwap', 0],
    ['is the part that a burstable container asks for of the memory', of('400', '800'), 'LimitedSwap', 100],
    [
      'is none where the limit is all asked for',
      of('400', '400', { resources: { requests: { cpu: '1' } } }),
      'LimitedSwap',
      0,
    ],
    ['is none of a best-effort Pod', of(undefined), 'LimitedSwap', 0],
    ['is none of a critical Pod', of('400', '800', { priority: 2_000_000_000 }), 'LimitedSwap', 0],
  ] as const)
    it(what, () => assert.equal(swapBytes(spec, spec.containers[0]!, machine, behavior), bytes));
  it('is left alone where it cannot be limited', () =>
    assert.equal(swapBytes(of('400'), of('400').containers[0]!, { memoryBytes: 4000 }, 'NoSwap'), undefined));
});

describe('the phase', () => {
  const status = (name: string, state: ContainerStatus['state'], lastState = {}): [string, ContainerStatus] => [
    name,
    { name, state, lastState, ready: false, restartCount: 0, image: '', imageID: '', started: true },
  ];
  const ended = (exitCode: number) => ({ terminated: { exitCode } });
  const two = (restartPolicy: PodSpec['restartPolicy']): PodSpec => ({
    restartPolicy,
    containers: [{ name: 'a' }, { name: 'b' }],
  });
  const rows: [string, PodSpec, [string, ContainerStatus][], string][] = [
    ['nothing known', two('Always'), [], 'Pending'],
    ['one waits', two('Always'), [status('a', { running: {} }), status('b', { waiting: {} })], 'Pending'],
    ['both run', two('Always'), [status('a', { running: {} }), status('b', { running: {} })], 'Running'],
    [
      'one crashes and will restart',
      two('Always'),
      [status('a', { running: {} }), status('b', { waiting: {} }, ended(1))],
      'Running',
    ],
    ['all ended, Always', two('Always'), [status('a', ended(0)), status('b', ended(0))], 'Running'],
    ['all succeeded', two('OnFailure'), [status('a', ended(0)), status('b', ended(0))], 'Succeeded'],
    ['one failed, OnFailure', two('OnFailure'), [status('a', ended(0)), status('b', ended(1))], 'Running'],
    ['one failed, Never', two('Never'), [status('a', ended(0)), status('b', ended(1))], 'Failed'],
    [
      'init failed, Never',
      { ...two('Never'), initContainers: [{ name: 'i' }] },
      [status('i', ended(1)), status('a', { waiting: {} }), status('b', { waiting: {} })],
      'Failed',
    ],
  ];
  for (const [what, spec, statuses, phase] of rows)
    it(`${what}: ${phase}`, () =>
      assert.equal(podPhase(spec, new Map(statuses), { terminal: false, initialized: false }), phase));
});

describe('status patches', () => {
  it('hold only what has changed, conditions by type', () => {
    const ready = (value: string) => ({ type: 'Ready', status: value });
    const scheduled = { type: 'PodScheduled', status: 'True' };
    assert.equal(statusPatch({ phase: 'Running' }, { phase: 'Running' }), undefined);
    assert.deepEqual(
      statusPatch(
        { phase: 'Pending', message: 'm', conditions: [scheduled, ready('False')] },
        { phase: 'Running', conditions: [scheduled, ready('True')] },
      ),
      { phase: 'Running', message: null, conditions: [ready('True')] },
    );
  });
});

describe('pull secrets', () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('s'),
    data: {
      '.dockerconfigjson': Buffer.from(
        JSON.stringify({
          auths: {
            'https://index.docker.io/v1/': { auth: Buffer.from('u:p:q').toString('base64') },
            '*.example.com/team': { username: 'x', password: 'y' },
          },
        }),
      ).toString('base64'),
    },
  };
  it('match the registry of the image', () => {
    assert.deepEqual(credentialsOf(secret, 'httpd'), [{ username: 'u', password: 'p:q' }]);
    assert.equal(credentialsOf(secret, 'r.example.com/team/app:1')[0]?.username, 'x');
    assert.deepEqual(credentialsOf(secret, 'r.example.com/other/app'), []);
  });
});
