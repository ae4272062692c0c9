import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { testImage } from './fixture/image.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;

before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster.delete());

const deployment = (script: string, resources: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'load' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'load' } },
    template: {
      metadata: { labels: { app: 'load' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: testImage, command: ['sh', '-c', script], resources }],
      },
    },
  },
});

const autoscaler = (metric: object) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'load' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'load' },
    minReplicas: 1,
    maxReplicas: 3,
    metrics: [{ type: 'Resource', resource: metric }],
    behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
  },
});

/** What fills a file on a tmpfs is the container's memory. */
const fill = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; sleep 1000';

describe('autoscaling by what Pods use, with nothing installed', { concurrency: 3 }, () => {
  it('kubectl top shows nodes, Pods and containers', async () => {
    const space = await cluster.space('top');
    await space.apply(deployment(fill, {}));
    await space.until(deployments, 'load', (found) => found?.status?.readyReplicas === 1);
    // A Pod is measured once it is a second old and has been read.
    const rows = await until('the Pod is measured', async () => {
      const { stdout } = await space.tryKubectl('top pods --containers --no-headers');
      return stdout.trim() || undefined;
    });
    const [, pod, container, cpu, memory] = /^(load-\S+) +(\S+) +(\d+)m +(\d+)Mi/.exec(rows) ?? [];
    assert.match(pod ?? '', /^load-/, rows);
    assert.equal(container, 'main');
    assert.ok(Number(cpu) < 500 && Number(memory) >= 20 && Number(memory) < 40, rows);
    assert.match(await space.kubectl('top nodes --no-headers'), /^\S+ +\d+m +\d+% +\d+Mi +\d+%/);
    assert.match(await space.kubectl('get pods.metrics.k8s.io'), /^NAME +CPU +MEMORY +WINDOW\nload-/);
  });

  it('a busy Deployment grows, and shrinks when it is idle', async () => {
    const space = await cluster.space('cpu');
    const limits = { requests: { cpu: '20m' }, limits: { cpu: '60m' } };
    await space.apply(deployment('while [ ! -e /tmp/idle ]; do :; done; sleep 1000', limits));
    await space.until(deployments, 'load', (found) => found?.status?.readyReplicas === 1);
    await space.apply(autoscaler({ name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } }));
    await space.until(deployments, 'load', (found) => found?.status?.readyReplicas === 3, 60_000);
    assert.match(await space.kubectl('get hpa load'), /Deployment\/load +cpu: \d+%\/50% +1 +3 +[13]/);
    for (const pod of (await space.kubectl('get pods -o name')).trim().split('\n'))
      await space.exec(pod, 'touch /tmp/idle');
    await space.until(deployments, 'load', (found) => found?.spec?.replicas === 1, 60_000);
    assert.match(await space.kubectl('describe hpa load'), /able to update the target scale to 1/);
  });

  it('a Deployment grows with its memory', async () => {
    const space = await cluster.space('memory');
    await space.apply(deployment(fill, { requests: { memory: '10Mi' } }));
    await space.until(deployments, 'load', (found) => found?.status?.readyReplicas === 1);
    await space.apply(autoscaler({ name: 'memory', target: { type: 'AverageValue', averageValue: '12Mi' } }));
    await space.until(deployments, 'load', (found) => (found?.status?.readyReplicas ?? 0) >= 2, 60_000);
    assert.match(await space.kubectl('describe hpa load'), /resource memory on pods: +\d+\S* \/ 12Mi/);
  });
});
