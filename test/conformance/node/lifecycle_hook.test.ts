import { describe } from 'node:test';
import type { V1Lifecycle } from '@kubernetes/client-node';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, netexec, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

/** Runs a Pod with a hook that asks a server, and looks into the server's log for the question. */
async function expectHook(moment: 'poststart' | 'prestop', lifecycle: (targetIP: string) => V1Lifecycle) {
  const namespace = await testNamespace(suite, 'hook');
  const server = await namespace.createReady(podOf('pod-handle-http-request', netexec()));
  const container = agnhost(undefined, { lifecycle: lifecycle(server.status?.podIP ?? '') });
  await namespace.createReady(podOf('pod-with-hook', container));
  const heard = () =>
    until(`the server has heard the ${moment} hook`, async () =>
      (await namespace.logs('pod-handle-http-request')).includes(`GET /echo?msg=${moment}`),
    );
  if (moment === 'poststart') await heard();
  await namespace.remove('pod-with-hook', 15);
  if (moment === 'prestop') await heard();
}

const curl = (targetIP: string, moment: string) => ({
  exec: { command: ['sh', '-c', `curl http://${targetIP}:8080/echo?msg=${moment}`] },
});
const httpGet = (host: string, moment: string) => ({ httpGet: { path: `/echo?msg=${moment}`, host, port: 8080 } });

describe('lifecycle hooks', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart exec hook properly [NodeConformance]',
    () => expectHook('poststart', (ip) => ({ postStart: curl(ip, 'poststart') })),
  );
  conformance(
    '[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop exec hook properly [NodeConformance]',
    () => expectHook('prestop', (ip) => ({ preStop: curl(ip, 'prestop') })),
  );
  conformance(
    '[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook properly [NodeConformance]',
    () => expectHook('poststart', (ip) => ({ postStart: httpGet(ip, 'poststart') })),
  );
  conformance(
    '[sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook properly [NodeConformance]',
    () => expectHook('prestop', (ip) => ({ preStop: httpGet(ip, 'prestop') })),
  );
});
