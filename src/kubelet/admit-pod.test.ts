import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../api/generated/core-v1.ts';
import { admitPod } from './admit-pod.ts';
import type { Pressure } from './eviction/thresholds.ts';
import { forbiddenSysctl, podSysctls } from './sysctls.ts';

const metadata = { name: 'a', uid: 'a', resourceVersion: '1', creationTimestamp: '' };
const pod = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...metadata, namespace: 'default' },
  spec: { containers: [], ...spec } as PodSpec,
});
const onPort = (hostPort: number, hostIP?: string) =>
  pod({ containers: [{ name: 'a', ports: [{ containerPort: 1, hostPort, ...(hostIP && { hostIP }) }] }] });
const node = { metadata: { ...metadata, labels: { zone: 'x' } }, status: { allocatable: { pods: '10' } } };

test('a host port of all addresses is taken on each', () => {
  const cases: [Pod, Pod, boolean][] = [
    [onPort(80), onPort(80), true],
    [onPort(80), onPort(80, '10.0.0.1'), true],
    [onPort(80, '0.0.0.0'), onPort(80, '10.0.0.1'), true],
    [onPort(80, '10.0.0.2'), onPort(80, '10.0.0.1'), false],
    [onPort(80), onPort(81), false],
  ];
  for (const [one, other, taken] of cases)
    assert.equal(admitPod(one, { pods: [other], node })?.reason, taken ? 'NodePorts' : undefined);
});

test('only sysctls that stay within the Pod are allowed', () => {
  const sysctls = (name: string, more: Partial<PodSpec> = {}) =>
    pod({ securityContext: { sysctls: [{ name, value: '1' }] }, ...more });
  assert.equal(admitPod(sysctls('net.ipv4.tcp_syncookies'), { pods: [], node }), undefined);
  assert.equal(admitPod(sysctls('kernel.msgmax'), { pods: [], node })?.reason, 'SysctlForbidden');
  assert.equal(
    forbiddenSysctl(sysctls('kernel.shm_rmid_forced', { hostIPC: true }).spec),
    'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
  );
  assert.deepEqual(podSysctls(sysctls('net/ipv4/conf/eth0.1/x').spec), { 'net.ipv4.conf.eth0/1.x': '1' });
});

test("other sysctls of the Pod's own namespaces are allowed when the node says so", () => {
  const { spec } = pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } });
  assert.equal(forbiddenSysctl(spec, ['kernel.msg*']), undefined);
  assert.equal(forbiddenSysctl(spec, ['net.*', 'kernel.msgmax']), undefined);
  assert.equal(
    forbiddenSysctl({ ...spec, hostIPC: true }, ['kernel.msg*']),
    'forbidden sysctl: "kernel.msgmax" not allowed with host IPC enabled',
  );
  const ofHost = pod({ securityContext: { sysctls: [{ name: 'vm.swappiness', value: '1' }] } });
  assert.equal(forbiddenSysctl(ofHost.spec, ['vm.*']), 'forbidden sysctl: "vm.swappiness" not allowlisted');
});

test('a Pod with an AppArmor profile does not run where none is enforced', () => {
  const withoutAppArmor = 'AppArmor is not enabled on the host';
  const confined = (type: 'RuntimeDefault' | 'Unconfined') =>
    pod({ containers: [{ name: 'a', securityContext: { appArmorProfile: { type } } }] });
  assert.deepEqual(admitPod(confined('RuntimeDefault'), { pods: [], node, withoutAppArmor }), {
    reason: 'AppArmor',
    message: 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  });
  assert.equal(admitPod(confined('Unconfined'), { pods: [], node, withoutAppArmor }), undefined);
  const annotations = { 'container.apparmor.security.beta.kubernetes.io/a': 'localhost/mine' };
  const annotated = { ...pod({ containers: [{ name: 'a' }] }), metadata: { ...metadata, annotations } };
  assert.equal(admitPod(annotated, { pods: [], node, withoutAppArmor })?.reason, 'AppArmor');
  assert.equal(admitPod(annotated, { pods: [], node }), undefined);
});

test('required node affinity counts on the node as well', () => {
  const wants = (value: string) =>
    pod({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] }],
          },
        },
      },
    });
  assert.equal(admitPod(wants('x'), { pods: [], node }), undefined);
  assert.equal(admitPod(wants('y'), { pods: [], node })?.reason, 'NodeAffinity');
});

test('on a node that is short of something only some Pods start', () => {
  const burstable = pod({ containers: [{ name: 'a', resources: { requests: { memory: '1Mi' } } }] });
  const tolerant = pod({ tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }] });
  const critical = pod({ priority: 2_000_000_000 });
  const ask = (one: Pod, ...pressures: Pressure[]) => admitPod(one, { pods: [], node, pressures });
  assert.deepEqual(ask(pod({}), 'MemoryPressure'), {
    reason: 'Evicted',
    message: 'Pod was rejected: The node had condition: [MemoryPressure]. ',
  });
  for (const one of [burstable, tolerant, critical]) assert.equal(ask(one, 'MemoryPressure'), undefined);
  for (const one of [burstable, tolerant]) assert.equal(ask(one, 'MemoryPressure', 'DiskPressure')?.reason, 'Evicted');
  assert.equal(ask(critical, 'DiskPressure', 'PIDPressure'), undefined);
});
