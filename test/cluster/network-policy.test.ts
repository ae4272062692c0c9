import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NetworkPolicySpec } from '../../src/api/generated/networking-v1.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get } from './fixture/http.ts';
import { pod, service, shell, stay, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

/** Two Pods of one namespace and one of another, which all can be asked and can ask. */
async function threePods(name: string): Promise<{ near: Space; far: Space }> {
  const [near, far] = [await cluster.space(name), await cluster.space(`${name}-far`)];
  await near.apply(
    pod('server', web(), {}, { app: 'server' }),
    service('server', 'server'),
    pod('client', shell(stay)),
  );
  await far.apply(pod('client', shell(stay)));
  await Promise.all([near.untilReady('server'), near.untilReady('client'), far.untilReady('client')]);
  return { near, far };
}

async function reaches(space: Space, url: string): Promise<boolean> {
  const { code } = await space.tryKubectl(['exec', 'client', '--', 'curl', '-s', '-f', '--max-time', '1', url]);
  return code === 0;
}

function policy(name: string, spec: NetworkPolicySpec) {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec };
}

const server = { matchLabels: { app: 'server' } };

describe('NetworkPolicies', { concurrency: 3 }, () => {
  test('isolate a Pod from others but not from its node, and add up', async () => {
    const { near, far } = await threePods('ingress');
    const url = `http://server.ingress/`;
    await until('everybody gets through', async () => (await reaches(near, url)) && (await reaches(far, url)));
    await near.apply(policy('deny', { podSelector: {}, policyTypes: ['Ingress'] }));
    await until('nobody gets through', async () => !(await reaches(near, url)) && !(await reaches(far, url)));
    // The node itself: probes, and whoever works on the machine.
    const ip = await near.kubectl('get pod server -o jsonpath={.status.podIP}');
    assert.equal((await get(`http://${ip}:8080/`)).trim(), 'server');
    const fromFar = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-far' } } };
    await near.apply(policy('far', { podSelector: server, ingress: [{ from: [fromFar], ports: [{ port: 8080 }] }] }));
    await until('the other namespace gets through', () => reaches(far, url));
    assert.equal(await reaches(near, url), false);
    await near.kubectl('delete networkpolicy --all');
    await until('all is as before', () => reaches(near, url));
  });

  test('isolate a Pod that comes later from its first packet on', async () => {
    const space = await cluster.space('later');
    await space.apply(
      pod('server', web(), {}, { app: 'server' }),
      policy('deny', { podSelector: { matchLabels: { app: 'locked' } }, policyTypes: ['Egress'] }),
    );
    const { status } = await space.untilReady('server');
    const ask = `curl -s -o /dev/null --max-time 1 http://${status?.podIP}:8080/; echo $?`;
    await space.apply(
      pod('locked', shell(ask), { restartPolicy: 'Never' }, { app: 'locked' }),
      pod('free', shell(ask), { restartPolicy: 'Never' }),
    );
    await Promise.all([space.untilOver('locked'), space.untilOver('free')]);
    // curl's exit code for a connection that timed out.
    assert.deepEqual([await space.kubectl('logs locked'), await space.kubectl('logs free')], ['28\n', '0\n']);
  });

  test('let names be asked for by who may reach kube-dns', async () => {
    const { near } = await threePods('names');
    const url = 'http://server.names/';
    const ip = await near.kubectl('get pod server -o jsonpath={.status.podIP}');
    const toServer = { to: [{ podSelector: server }] };
    await near.apply(policy('out', { podSelector: {}, policyTypes: ['Egress'], egress: [toServer] }));
    await until('no name is found', async () => !(await reaches(near, url)));
    assert.equal(await reaches(near, `http://${ip}:8080/`), true);
    const dns = { namespaceSelector: {}, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } };
    const ports = [
      { port: 53, protocol: 'UDP' as const },
      { port: 53, protocol: 'TCP' as const },
    ];
    await near.apply(policy('dns', { podSelector: {}, policyTypes: ['Egress'], egress: [{ to: [dns], ports }] }));
    await until('names are found', () => reaches(near, url));
  });
});
