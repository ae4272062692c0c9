import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { configMaps, deployments, pods, replicaSets } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get } from './fixture/http.ts';
import { configMap, deployment, pod, shell, stay, web } from './fixture/objects.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await startTestCluster();
});
after(() => cluster?.delete());

describe('kubectl', { concurrency: 4 }, () => {
  test('shows how the parts of the control plane are, and that this is an old way to ask', async () => {
    const { stdout, stderr } = await cluster.tryKubectl('get componentstatuses');
    assert.match(stderr, /Warning: v1 ComponentStatus is deprecated in v1\.19\+/);
    assert.match(stdout, /^NAME +STATUS +MESSAGE +ERROR/);
    for (const name of ['etcd-0', 'controller-manager', 'scheduler'])
      assert.match(stdout, new RegExp(`^${name} +Healthy +ok`, 'm'));
    assert.match(await cluster.kubectl('get cs scheduler -o jsonpath={.conditions[0].type}'), /^Healthy$/);
    assert.match(await cluster.kubectlFails('get cs none'), /componentstatuses "none" not found/);
  });

  test('creates, shows, changes and deletes objects', async () => {
    const space = await cluster.space('basics');
    assert.match(await space.apply(deployment('web', 2, web())), /deployment.apps\/web created/);
    assert.match(await space.apply(deployment('web', 2, web())), /unchanged/);
    await space.kubectl('rollout status deployment/web --timeout=60s');
    assert.match(await space.kubectl('get deployments'), /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2/);
    assert.match(
      await space.kubectl('get deploy -o wide'),
      /CONTAINERS +IMAGES +SELECTOR\n.*main +vitrine-test:1 +app=web/,
    );
    const wide = await space.kubectl('get pods -o wide');
    assert.match(wide, /NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES/);
    assert.equal(wide.match(/1\/1 +Running +0 /g)?.length, 2, wide);
    assert.equal(JSON.parse(await space.kubectl('get deploy web -o json')).status.readyReplicas, 2);
    assert.match(await space.kubectl('get deploy web -o yaml'), /\n {2}readyReplicas: 2\n/);
    assert.match(await space.kubectl('get pods -l app=web -o name'), /^(pod\/web-\w+-\w+\n){2}$/);
    assert.equal(await space.kubectl('get pods -l app!=web -o name'), '');
    assert.match(await space.kubectl('get pods --field-selector=status.phase=Running -o name'), /^(pod\/.*\n){2}$/);
    const described = await space.kubectl('describe deployment web');
    assert.match(described, /2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/);
    assert.match(described, /ScalingReplicaSet +.*Scaled up replica set web-\w+ (from 0 )?to 2/);
    assert.match(
      await space.kubectl('describe pods --show-events=true'),
      /Started +.*kubelet +.*[Cc]ontainer:? (started|main)|Started container main/,
    );
    await space.kubectl('label deployment web tier=front');
    await space.kubectl('annotate deployment web note=hello');
    await space.kubectl('label deployment web tier-');
    const object = await space.get(deployments, 'web');
    assert.deepEqual([object.metadata.labels, object.metadata.annotations?.note], [undefined, 'hello']);
    await space.kubectl('scale deployment web --replicas=3');
    await space.kubectl('wait --for=condition=Available deployment/web --timeout=60s');
    await space.until(deployments, 'web', (one) => one?.status?.readyReplicas === 3);
    assert.match(
      await space.kubectlFails('scale deployment web --replicas=1 --current-replicas=7'),
      /Expected replicas to be 7, was 3/,
    );
    await space.kubectl('delete deployment web');
    await until('the Pods are gone', async () => (await space.kubectl('get pods -o name')) === '');
    assert.match(
      await space.kubectlFails('get deployment web'),
      /Error from server \(NotFound\): deployments.apps "web" not found/,
    );
  });

  test('patches in four ways, and says what is in conflict', async () => {
    const space = await cluster.space('patches');
    await space.apply(deployment('web', 0, web({ env: [{ name: 'A', value: '1' }] })));
    await space.kubectl([
      'patch',
      'deployment',
      'web',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/labels","value":{"x":"y"}}]',
    ]);
    await space.kubectl(['patch', 'deployment', 'web', '--type=merge', '-p', '{"spec":{"revisionHistoryLimit":3}}']);
    await space.kubectl([
      'patch',
      'deployment',
      'web',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"B","value":"2"}]}]}}}}',
    ]);
    const { metadata, spec } = await space.get(deployments, 'web');
    assert.deepEqual(metadata.labels, { x: 'y' });
    assert.equal(spec?.revisionHistoryLimit, 3);
    const env = spec?.template.spec?.containers[0]?.env?.map(({ name }) => name).sort();
    assert.deepEqual(env, ['A', 'B'], 'a strategic merge patch merges env by name');
    assert.match(
      await space.kubectlFails([
        'patch',
        'deployment',
        'web',
        '--type=json',
        '-p',
        '[{"op":"test","path":"/spec/replicas","value":5}]',
      ]),
      /The request is invalid: the server rejected our request due to an error in our request/,
    );

    const mine = configMap('shared', { color: 'red' });
    await space.kubectl('apply --server-side --field-manager=one -f -', { input: JSON.stringify(mine) });
    const theirs = JSON.stringify(configMap('shared', { color: 'blue' }));
    const conflict = await space.kubectlFails('apply --server-side --field-manager=two -f -', { input: theirs });
    assert.match(conflict, /Apply failed with 1 conflict: conflict with "one": \.data\.color/);
    await space.kubectl('apply --server-side --field-manager=two --force-conflicts -f -', { input: theirs });
    assert.deepEqual((await space.get(configMaps, 'shared')).data, { color: 'blue' });
  });

  test('a dry run on the server answers and stores nothing', async () => {
    const space = await cluster.space('dry-run');
    const input = JSON.stringify(deployment('ghost', 1, web()));
    const answer = JSON.parse(await space.kubectl('apply --dry-run=server -o json -f -', { input }));
    assert.equal(answer.spec.strategy.rollingUpdate.maxSurge, '25%', 'defaults are filled in');
    assert.match(answer.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.match(await space.kubectlFails('get deployment ghost'), /NotFound/);
  });

  test('shows logs: all, the last lines, of the container before, and as they come', async () => {
    const space = await cluster.space('logs');
    await space.apply(
      pod('counter', shell(`for i in 1 2 3; do echo line $i; done; echo oops >&2; ${stay}`)),
      pod(
        'twice',
        shell('test -e /data/ran || { touch /data/ran; echo first; exit 3; }; echo second; sleep 100000', {
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
        { volumes: [{ name: 'data', emptyDir: {} }] },
      ),
    );
    await space.untilReady('counter');
    assert.equal(
      await until('all lines', async () => {
        const text = await space.kubectl('logs counter');
        return text.includes('oops') && text;
      }),
      'line 1\nline 2\nline 3\noops\n',
    );
    assert.equal(await space.kubectl('logs counter --tail=2'), 'line 3\noops\n');
    assert.match(await space.kubectl('logs counter --timestamps --tail=1'), /^\d{4}-\d\d-\d\dT\S+ oops\n$/);
    assert.match(
      await space.kubectlFails('logs counter --previous'),
      /previous terminated container "main" in pod "counter" not found/,
    );
    await space.until(
      pods,
      'twice',
      (one) =>
        one?.status?.containerStatuses?.[0]?.restartCount === 1 && one.status.containerStatuses[0].state?.running,
    );
    assert.equal(await space.kubectl('logs twice --previous'), 'first\n');

    const follower = spawn('kubectl', ['-n', 'logs', 'logs', '-f', 'counter', '--tail=1'], {
      env: { ...process.env, ...cluster.env },
    });
    let followed = '';
    follower.stdout.setEncoding('utf8').on('data', (text: string) => {
      followed += text;
    });
    const ended = new Promise((resolve) => follower.on('close', resolve));
    await until('the follower is there', () => followed === 'oops\n');
    await space.exec('counter', 'echo later > /proc/1/fd/1');
    await until('the later line', () => followed === 'oops\nlater\n');
    await space.kubectl('delete pod counter --wait=false');
    assert.equal(await ended, 0, 'following ends with the container');
  });

  test('runs commands in containers, with their exit codes and standard input', async () => {
    const space = await cluster.space('exec');
    await space.apply(pod('box', [shell(stay), shell(stay, { name: 'second', env: [{ name: 'WHO', value: 'two' }] })]));
    await space.untilReady('box');
    const outcome = await space.tryKubectl([
      'exec',
      'box',
      '-c',
      'main',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 42',
    ]);
    assert.equal(outcome.code, 42);
    assert.equal(outcome.stdout, 'out\n');
    assert.match(outcome.stderr, /^err\ncommand terminated with exit code 42\n$/);
    assert.equal(await space.kubectl('exec -i box -c second -- cat', { input: 'through\n' }), 'through\n');
    assert.equal(await space.kubectl(['exec', 'box', '-c', 'second', '--', 'sh', '-c', 'echo $WHO']), 'two\n');
    const large = `${'x'.repeat(999)}\n`.repeat(2000);
    assert.equal((await space.kubectl('exec -i box -c main -- wc -c', { input: large })).trim(), '2000000');
    assert.match((await space.tryKubectl('exec box -c main -- no-such-program')).stderr, /no-such-program/);
    assert.match(
      await space.kubectlFails('exec box -c absent -- true'),
      /container absent is not valid for pod box|container not found/,
    );
    assert.match(await space.kubectlFails('exec nobody -- true'), /pods "nobody" not found/);
  });

  test('copies files to and from a container', async () => {
    const space = await cluster.space('copy');
    await space.apply(pod('box', shell(stay)));
    await space.untilReady('box');
    const [there, back] = [path.join(cluster.home, 'there'), path.join(cluster.home, 'back')];
    fs.writeFileSync(there, Buffer.alloc(300_000, 'vitrine '));
    await space.kubectl(['cp', there, 'copy/box:/tmp/file']);
    await space.kubectl(['cp', 'copy/box:/tmp/file', back]);
    assert.ok(fs.readFileSync(there).equals(fs.readFileSync(back)));
  });

  test('forwards a port', async () => {
    const space = await cluster.space('forward');
    await space.apply(pod('web', web()));
    await space.untilReady('web');
    const forwarder = spawn('kubectl', ['-n', 'forward', 'port-forward', 'pod/web', ':8080'], {
      env: { ...process.env, ...cluster.env },
    });
    try {
      const port = await new Promise<string>((resolve, reject) => {
        let said = '';
        const read = (text: Buffer) => {
          said += text;
          const match = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said);
          if (match) resolve(match[1] as string);
        };
        forwarder.stdout.on('data', read);
        forwarder.stderr.on('data', read);
        forwarder.on('close', () => reject(new Error(`port-forward ended: ${said}`)));
      });
      const answers = await Promise.all([1, 2, 3].map(() => get(`http://127.0.0.1:${port}/`)));
      assert.deepEqual(answers, ['web', 'web', 'web']);
    } finally {
      forwarder.kill();
    }
  });

  test('deletes with grace, with force, and in the three ways of propagation', async () => {
    const space = await cluster.space('deletion');
    const leave = 'trap "sleep 1; exit 0" TERM; sleep 100000 & wait';
    await space.apply(
      pod('polite', shell(leave), { terminationGracePeriodSeconds: 30 }),
      pod('stubborn', shell('trap "" TERM; sleep 100000'), { terminationGracePeriodSeconds: 300 }),
    );
    await Promise.all([space.untilReady('polite'), space.untilReady('stubborn')]);
    const began = Date.now();
    await space.kubectl('delete pod polite');
    assert.ok(Date.now() - began < 28_000, 'a container that ends is not waited for');
    await space.kubectl('delete pod stubborn --grace-period=0 --force');
    assert.match(await space.kubectlFails('get pod stubborn'), /NotFound/);

    await space.apply(deployment('kept', 1, web()), deployment('fore', 1, web()), deployment('back', 1, web()));
    for (const name of ['kept', 'fore', 'back']) await space.kubectl(`rollout status deployment/${name} --timeout=60s`);
    await space.kubectl('delete deployment kept --cascade=orphan');
    const orphan = (await space.kubectl('get rs -l app=kept -o name')).trim();
    await space.until(
      replicaSets,
      orphan.split('/')[1] as string,
      (one) => !one?.metadata.ownerReferences?.length && one?.status?.readyReplicas === 1,
    );
    await space.kubectl('delete deployment fore --cascade=foreground');
    assert.equal(await space.kubectl('get rs,pods -l app=fore -o name'), '', 'foreground: dependents go first');
    await space.kubectl('delete deployment back --cascade=background');
    await until(
      'the garbage collector is done',
      async () => (await space.kubectl('get rs,pods -l app=back -o name')) === '',
    );
    assert.match(await space.kubectl('get rs,pods -l app=kept -o name'), /replicaset.*\npod\//);
  });

  test('answers about itself, its users and its resources', async () => {
    const space = await cluster.space('about');
    assert.equal((await space.kubectl('auth can-i create deployments')).trim(), 'yes');
    const asNobody = await space.tryKubectl('auth can-i create deployments --as=somebody');
    assert.deepEqual([asNobody.stdout.trim(), asNobody.code], ['no', 1]);
    assert.match(
      await space.kubectlFails('get pods --as=somebody'),
      /Error from server \(Forbidden\): pods is forbidden: User "somebody" cannot list resource "pods" in API group "" in the namespace "about"/,
    );
    assert.match(
      await space.kubectl('auth whoami'),
      /Username +kubernetes-admin\nGroups +\[.*(kubeadm:cluster-admins|system:masters).*\]/,
    );
    const resources = await space.kubectl('api-resources');
    for (const line of [
      /^pods +po +v1 +true +Pod$/m,
      /^deployments +deploy +apps\/v1 +true +Deployment$/m,
      /^nodes +no +v1 +false +Node$/m,
    ])
      assert.match(resources, line);
    assert.match(await space.kubectl('api-versions'), /^rbac.authorization.k8s.io\/v1$/m);
    const explained = await space.kubectl('explain deployment.spec.strategy.rollingUpdate.maxSurge');
    assert.match(explained, /FIELD: maxSurge <IntOrString>[\s\S]*percent/);
    assert.match(await space.kubectl('explain pod --recursive'), /terminationGracePeriodSeconds\s+<integer>/);
    assert.match(await space.kubectlFails('explain pod.spec.nonsense'), /field "nonsense" does not exist/);
    assert.match(await space.kubectl('top nodes'), /NAME +CPU\(cores\)/);
    assert.match(await space.kubectl('version'), /Server Version/);
    assert.equal(await space.kubectl('get --raw /readyz'), 'ok');
    assert.match(await space.kubectl('get nodes -o wide'), / Ready +.*v1\.\d+.*Linux|Debian|.* Ready /);
    assert.match(await space.kubectl('cluster-info'), /Kubernetes control plane.* is running at/);
  });

  test('lists events in order, with those of one object', async () => {
    const space = await cluster.space('events');
    await space.apply(pod('box', shell(stay)), pod('misfit', shell(stay), { nodeSelector: { disk: 'gold' } }));
    await space.untilReady('box');
    const ofBox = await until('the event of the start', async () => {
      const text = await space.kubectl('events --for pod/box');
      return text.includes('Started') && text;
    });
    assert.match(ofBox, /Normal +Scheduled +Pod\/box +Successfully assigned events\/box to /);
    assert.match(ofBox, /Normal +Created +Pod\/box/);
    const ofMisfit = await until('the event of the scheduler', async () => {
      const text = await space.kubectl('get events --field-selector involvedObject.name=misfit');
      return text.includes('FailedScheduling') && text;
    });
    assert.match(ofMisfit, /0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector/);
    assert.match(await space.kubectl('describe pod misfit'), /Warning +FailedScheduling .*default-scheduler/);
  });
});
