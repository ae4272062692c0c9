import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Container, Pod, PodSpec } from '../../../src/api/generated/core-v1.ts';
import { endpoints, nodes, pods, services } from '../../../src/api/resource.ts';
import type { Space } from '../../cluster/fixture/cluster.ts';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { otherTesthost, testhost } from '../fixture/testhost-image.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const container = (name: string, args: string[], more: Partial<Container> = {}): Container => ({
  name,
  image: testhost,
  args,
  ...more,
});

const primaryLabels = { app: 'agnhost', role: 'primary' };

function controller(name: string, replicas: number, labels: Record<string, string>, spec: PodSpec) {
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, labels },
    spec: {
      replicas,
      selector: labels,
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, ...spec } },
    },
  };
}

const primary = controller('agnhost-primary', 1, primaryLabels, {
  containers: [container('agnhost-primary', ['pause'], { ports: [{ name: 'agnhost-server', containerPort: 6379 }] })],
});

async function create(space: Space, ...objects: object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await space.kubectl('create -f -', { input: JSON.stringify(list) });
}

/** The Pods that a controller runs, all of them running. */
async function running(space: Space, labels: Record<string, string>, count: number): Promise<Pod[]> {
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const { items } = await kube
    .of(pods, space.name)
    .untilList((list) => list.items.length === count && list.items.every(({ status }) => status?.phase === 'Running'), {
      labelSelector,
    });
  return items;
}

/** Lines of a description: the words of each row stand in one line, in their order. */
function expectLines(output: string, rows: string[][]): void {
  const lines = output.split('\n');
  let at = 0;
  for (const row of rows) {
    const found = lines.findIndex((line, i) => i >= at && row.every((word) => line.includes(word)));
    assert.notEqual(found, -1, `no line with ${JSON.stringify(row)} in\n${output}`);
    at = found;
  }
}

describe('kubectl', { concurrency: 4 }, () => {
  conformance('[sig-cli] Kubectl client Update Demo should create and stop a replication controller', async () => {
    const space = await cluster.space('update-demo');
    await create(space, nautilus);
    await untilDemo(space, 2);
    await space.kubectl('delete --grace-period=0 --force -f -', { input: JSON.stringify(nautilus) });
    await kube.of(pods, space.name).untilList(({ items }) => items.length === 0);
    assert.equal((await space.kubectl('get rc,svc -l name=update-demo --no-headers')).trim(), '');
  });

  conformance('[sig-cli] Kubectl client Update Demo should scale a replication controller', async () => {
    const space = await cluster.space('scale-demo');
    await create(space, nautilus);
    await untilDemo(space, 2);
    for (const replicas of [1, 2]) {
      await space.kubectl(`scale rc update-demo-nautilus --replicas=${replicas} --timeout=5m`);
      await untilDemo(space, replicas);
    }
  });

  conformance(
    '[sig-cli] Kubectl client Guestbook application should create and stop a working application',
    async () => {
      const space = await cluster.space('guestbook');
      await create(space, ...guestbook);
      const frontend = `/api/v1/namespaces/${space.name}/services/frontend/proxy/guestbook`;
      const ask = async (query: Record<string, string>) => (await kube.try('GET', frontend, { query })).text;
      await until('an empty guestbook', async () => (await ask({ cmd: 'get', key: 'messages' })) === '{"data":""}');
      // Both replicas follow, as either may be asked.
      await until('both replicas have registered', async () => {
        const { items } = await kube.of(pods, space.name).list({ labelSelector: 'app=agnhost,role=replica' });
        return items.length === 2 && items.every(({ status }) => status?.containerStatuses?.[0]?.ready);
      });
      assert.equal(await ask({ cmd: 'set', key: 'messages', value: 'TestEntry' }), '{"data":"Updated"}');
      for (let i = 0; i < 10; i++) assert.equal(await ask({ cmd: 'get', key: 'messages' }), '{"data":"TestEntry"}');
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: guestbook });
      await space.kubectl('delete --grace-period=0 --force -f -', { input: list });
      await kube.of(pods, space.name).untilList(({ items }) => items.length === 0);
    },
  );

  conformance(
    '[sig-cli] Kubectl client Kubectl api-versions should check if v1 is in available api versions',
    async () => {
      assert.match(await cluster.kubectl('api-versions'), /^v1$/m);
    },
  );

  conformance(
    '[sig-cli] Kubectl client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info',
    async () => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: kubectl colours it
      const output = (await cluster.kubectl('cluster-info')).replace(/\x1b\[[0-9;]*m/g, '');
      assert.match(output, /^Kubernetes control plane is running at https:/);
    },
  );

  conformance(
    '[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods',
    async () => {
      const space = await cluster.space('describe');
      await create(space, primary, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'agnhost-primary', labels: primaryLabels },
        spec: { selector: primaryLabels, ports: [{ port: 6379, targetPort: 'agnhost-server' }] },
      });
      for (const pod of await running(space, primaryLabels, 1))
        expectLines(await space.kubectl(`describe pod ${pod.metadata.name}`), [
          ['Name:', 'agnhost-primary-'],
          ['Namespace:', space.name],
          ['Node:'],
          ['Labels:', 'app=agnhost'],
          ['role=primary'],
          ['Annotations:'],
          ['Status:', 'Running'],
          ['IP:'],
          ['Controlled By:', 'ReplicationController/agnhost-primary'],
          ['Image:', testhost],
          ['State:', 'Running'],
          ['QoS Class:', 'BestEffort'],
        ]);
      await until('a description of the controller with its Pod', async () => {
        expectLines(await space.kubectl('describe rc agnhost-primary'), [
          ['Name:', 'agnhost-primary'],
          ['Namespace:', space.name],
          ['Selector:', 'app=agnhost,role=primary'],
          ['Labels:', 'app=agnhost'],
          ['role=primary'],
          ['Annotations:'],
          ['Replicas:', '1 current', '1 desired'],
          ['Pods Status:', '1 Running', '0 Waiting', '0 Succeeded', '0 Failed'],
          ['Pod Template:'],
          ['Image:', testhost],
          ['Events:'],
        ]);
        return true;
      });
      expectLines(await space.kubectl('describe service agnhost-primary'), [
        ['Name:', 'agnhost-primary'],
        ['Namespace:', space.name],
        ['Labels:', 'app=agnhost'],
        ['role=primary'],
        ['Annotations:'],
        ['Selector:', 'app=agnhost', 'role=primary'],
        ['Type:', 'ClusterIP'],
        ['IP:'],
        ['Port:', '<unset>', '6379/TCP'],
        ['Endpoints:'],
        ['Session Affinity:', 'None'],
      ]);
      const [node] = (await kube.of(nodes).list()).items;
      expectLines(await space.kubectl(`describe node ${node!.metadata.name}`), [
        ['Name:', node!.metadata.name],
        ['Labels:'],
        ['Annotations:'],
        ['CreationTimestamp:'],
        ['Conditions:'],
        ['Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message'],
        ['Addresses:'],
        ['Capacity:'],
        ['Kernel Version:'],
        ['OS Image:'],
        ['Container Runtime Version:'],
        ['Kubelet Version:'],
        ['Pods:'],
      ]);
      expectLines(await space.kubectl(`describe namespace ${space.name}`), [
        ['Name:', space.name],
        ['Labels:'],
        ['Annotations:'],
        ['Status:', 'Active'],
      ]);
    },
  );

  conformance(
    '[sig-cli] Kubectl client Kubectl diff should check if kubectl diff finds a difference for Deployments',
    async () => {
      const space = await cluster.space('diff');
      const deployment = (image: string) => ({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'httpd-deployment' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'httpd3' } },
          template: {
            metadata: { labels: { app: 'httpd3' } },
            spec: { containers: [container('httpd', ['pause'], { image })] },
          },
        },
      });
      await create(space, deployment(testhost));
      const { code, stdout, stderr } = await space.tryKubectl('diff -f -', {
        input: JSON.stringify(deployment(otherTesthost)),
      });
      assert.equal(code, 1, stderr);
      assert.match(stdout, new RegExp(`^-.*image: ${testhost}$`, 'm'));
      assert.match(stdout, new RegExp(`^\\+.*image: ${otherTesthost}$`, 'm'));
    },
  );

  conformance('[sig-cli] Kubectl client Kubectl expose should create services for rc', async () => {
    const space = await cluster.space('expose');
    await create(space, primary);
    const [pod] = await running(space, primaryLabels, 1);
    await until('the container to speak', async () => /Paused/.test(await space.kubectl(`logs ${pod!.metadata.name}`)));
    const rows: [exposed: string, name: string, port: number][] = [
      ['rc agnhost-primary', 'rm2', 1234],
      ['service rm2', 'rm3', 2345],
    ];
    for (const [exposed, name, port] of rows) {
      await space.kubectl(`expose ${exposed} --name=${name} --port=${port} --target-port=6379`);
      const { subsets } = await kube
        .of(endpoints, space.name)
        .until(name, (object) => object?.subsets?.[0]?.addresses?.length);
      assert.deepEqual(
        subsets?.map(({ addresses, ports }) => [
          addresses?.map(({ targetRef }) => targetRef?.uid),
          ports?.map(({ port }) => port),
        ]),
        [[[pod!.metadata.uid], [6379]]],
      );
      const { spec } = await kube.of(services, space.name).get(name);
      assert.deepEqual(
        spec?.ports?.map(({ port, targetPort }) => [port, targetPort]),
        [[port, 6379]],
      );
    }
  });

  conformance('[sig-cli] Kubectl client Kubectl label should update the label on a resource', async () => {
    const space = await cluster.space('label');
    await space.kubectl(`run pause --image=${testhost} --restart=Never`);
    await space.untilReady('pause');
    await space.kubectl('label pods pause testing-label=testing-label-value');
    assert.match(await space.kubectl('get pod pause -L testing-label'), /testing-label-value/);
    assert.match(await space.kubectl('get pod -l testing-label=testing-label-value'), /^pause /m);
    await space.kubectl('label pods pause testing-label-');
    assert.doesNotMatch(await space.kubectl('get pod pause -L testing-label'), /testing-label-value/);
  });

  conformance('[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc', async () => {
    const space = await cluster.space('patch');
    await create(space, primary);
    for (const pod of await running(space, primaryLabels, 1))
      await space.kubectl(['patch', 'pod', pod.metadata.name, '-p', '{"metadata":{"annotations":{"x":"y"}}}']);
    for (const pod of await running(space, primaryLabels, 1)) assert.equal(pod.metadata.annotations?.x, 'y');
  });

  conformance("[sig-cli] Kubectl client Kubectl replace should update a single-container pod's image", async () => {
    const space = await cluster.space('replace');
    await space.kubectl(`run e2e-test-httpd-pod --image=${testhost} --labels=run=e2e-test-httpd-pod`);
    const [pod] = await running(space, { run: 'e2e-test-httpd-pod' }, 1);
    const text = await space.kubectl(`get pod ${pod!.metadata.name} -o json`);
    await space.kubectl('replace -f -', { input: text.replace(testhost, otherTesthost) });
    assert.equal((await space.get(pods, 'e2e-test-httpd-pod')).spec?.containers[0]?.image, otherTesthost);
  });

  conformance(
    '[sig-cli] Kubectl client Kubectl run pod should create a pod from an image when restart is Never',
    async () => {
      const space = await cluster.space('run');
      await space.kubectl(`run e2e-test-httpd-pod --restart=Never --image=${testhost}`);
      const { spec } = await space.get(pods, 'e2e-test-httpd-pod');
      assert.deepEqual([spec?.containers.map(({ image }) => image), spec?.restartPolicy], [[testhost], 'Never']);
    },
  );

  conformance(
    '[sig-cli] Kubectl client Kubectl server-side dry-run should check if kubectl can dry-run update Pods',
    async () => {
      const space = await cluster.space('dry-run');
      const name = 'e2e-test-httpd-pod';
      await space.kubectl(`run ${name} --image=${testhost} --labels=run=${name}`);
      const patch = JSON.stringify({ spec: { containers: [{ name, image: otherTesthost }] } });
      assert.match(
        await space.kubectl(['patch', 'pod', name, '-p', patch, '--dry-run=server']),
        /patched \(server dry run\)|patched/,
      );
      assert.equal((await space.get(pods, name)).spec?.containers[0]?.image, testhost);
    },
  );

  conformance('[sig-cli] Kubectl client Kubectl version should check is all data is printed', async () => {
    const { clientVersion, serverVersion } = JSON.parse(await cluster.kubectl('version -o json'));
    for (const { major, minor, gitVersion, gitCommit } of [clientVersion, serverVersion]) {
      assert.match(major, /^\d$/);
      assert.match(minor, /^\d+\+?$/);
      assert.match(gitVersion, /^v\d\.\d+\.[\w\-.+]+$/);
      assert.match(gitCommit, /^[0-9a-f]+$/);
    }
  });
});

const nautilusLabels = { name: 'update-demo', version: 'nautilus' };
const serveDemo =
  'mkdir /www; echo \'{"image":"nautilus.jpg"}\' > /www/data.json; trap "exit 0" TERM; httpd -f -p 80 -h /www & wait';
const nautilus = controller('update-demo-nautilus', 2, nautilusLabels, {
  containers: [
    { name: 'update-demo', image: testhost, command: ['sh', '-c', serveDemo], ports: [{ containerPort: 80 }] },
  ],
});

/** Waits until so many Pods serve the demo's data through the API server's proxy. */
async function untilDemo(space: Space, count: number): Promise<void> {
  const template = '{{range .items}}{{.metadata.name}} {{end}}';
  await until(`${count} Pods of the demo`, async () => {
    const output = await space.kubectl([
      'get',
      'pods',
      '-o',
      'template',
      `--template=${template}`,
      '-l',
      'name=update-demo',
    ]);
    const names = output.trim().split(/\s+/);
    if (names.length !== count) return false;
    for (const name of names) {
      const path = `/api/v1/namespaces/${space.name}/pods/${name}/proxy/data.json`;
      if (JSON.parse((await kube.ask('GET', path)).text).image !== 'nautilus.jpg') return false;
    }
    return true;
  });
}

function guestbookPart(name: string, replicas: number, labels: Record<string, string>, args: string[], port: number) {
  const readinessProbe = { tcpSocket: { port }, periodSeconds: 1 };
  const ports = [{ containerPort: port }];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, labels },
      spec: { selector: labels, ports: [{ port }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [container('guestbook', ['guestbook', ...args], { ports, readinessProbe })] },
        },
      },
    },
  ];
}

const tier = (role: string) => ({ app: 'agnhost', role, tier: 'backend' });
const guestbook = [
  ...guestbookPart('agnhost-replica', 2, tier('replica'), ['--replicaof=agnhost-primary', '--http-port=6379'], 6379),
  ...guestbookPart('agnhost-primary', 1, tier('primary'), ['--http-port=6379'], 6379),
  ...guestbookPart('frontend', 3, { app: 'guestbook', tier: 'frontend' }, ['--backend-port=6379'], 80),
];
