import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/object.ts';
import { diagnose } from './diagnose.ts';
import { describeExit } from './exit-code.ts';
import type { WhyFacts } from './facts.ts';
import {
  ago,
  ended,
  event,
  facts,
  looping,
  node,
  now,
  object,
  type PodFixture,
  pod,
  running,
  service,
  waiting,
} from './fixtures.ts';
import { parseSubject } from './subject.ts';

interface Row {
  what: string;
  object: KubeObject;
  facts?: Partial<WhyFacts>;
  code: string;
  /** Words that the first finding's cause has. */
  cause: RegExp;
  /** Words that its evidence has. */
  evidence?: RegExp;
}

/** A Pod alone, with the events and log lines about it. */
function ofPod(
  what: string,
  fixture: PodFixture,
  expected: Pick<Row, 'code' | 'cause' | 'evidence'>,
  more: {
    events?: [reason: string, message: string][];
    logs?: string[];
    facts?: Partial<WhyFacts>;
  } = {},
): Row {
  const made = pod(fixture);
  return {
    what,
    object: made,
    facts: {
      pods: [made],
      events: (more.events ?? []).map(([reason, message]) => event(made, reason, message)),
      logs: new Map([[`${made.metadata.uid}/main`, more.logs ?? []]]),
      ...more.facts,
    },
    ...expected,
  };
}

const image = (reason: string, message: string): PodFixture => ({ status: { state: waiting(reason, message) } });
const cpuHog = { containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '64' } } }] };
const probed = (readinessProbe: object, ports: object[] = []) => ({
  phase: 'Running',
  status: running(),
  spec: { containers: [{ name: 'main', image: 'x', ports, readinessProbe }] } as PodFixture['spec'],
});
const replicaSet = (message: string) =>
  object('ReplicaSet', 'web', {
    spec: { replicas: 1 },
    status: { conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }] },
  });
const claim = (spec: object, status: object = { phase: 'Pending' }) =>
  object('PersistentVolumeClaim', 'data', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } }, ...spec },
    status,
  });
const withClaim = (claimName: string): PodFixture => ({
  scheduled: `0/1 nodes are available: persistentvolumeclaim "${claimName}" not found.`,
  spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] },
});
const labelled = pod({
  name: 'a',
  phase: 'Running',
  ready: true,
  labels: { app: 'webb' },
  status: running({ ready: true }),
});
const readyPod = pod({
  phase: 'Running',
  ready: true,
  status: running({ ready: true }),
  spec: { containers: [{ name: 'main', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }] },
});

const podRows: Row[] = [
  ofPod(
    'more CPU than any node has',
    { scheduled: '0/1 nodes are available: 1 Insufficient cpu.', spec: cpuHog },
    {
      code: 'Unschedulable',
      cause: /requests 64 of cpu, more than any node has/,
      evidence: /node n1: cpu: requests 64, free 2 of 2/,
    },
  ),
  ofPod(
    'a taint',
    { scheduled: '0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.' },
    { code: 'Unschedulable', cause: /taint gpu=yes:NoSchedule is not tolerated/ },
    { facts: { nodes: [node('n1', { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } })] } },
  ),
  ofPod(
    'a nodeSelector that no node has',
    {
      scheduled: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
      spec: { nodeSelector: { disk: 'ssd' } },
    },
    { code: 'Unschedulable', cause: /no node has the label disk=ssd/, evidence: /disk is not set/ },
  ),
  ofPod(
    'a cordoned node',
    { scheduled: '0/1 nodes are available: 1 node(s) were unschedulable.' },
    { code: 'Unschedulable', cause: /cordoned/ },
    { facts: { nodes: [node('n1', { spec: { unschedulable: true } })] } },
  ),
  ofPod(
    'a scheduler that is not there',
    { scheduled: false, spec: { schedulerName: 'other' } },
    { code: 'NoScheduler', cause: /no scheduler named "other"/ },
  ),
  ofPod(
    'a node that is not there',
    { spec: { nodeName: 'n9' } },
    { code: 'NodeNotFound', cause: /node "n9", which does not exist/ },
  ),
  ofPod(
    'a scheduling gate',
    { scheduled: false, spec: { schedulingGates: [{ name: 'example.com/wait' }] } },
    { code: 'SchedulingGated', cause: /example.com\/wait/ },
  ),
  ofPod(
    'an image tag that does not exist',
    image('ImagePullBackOff', 'Back-off pulling image "httpd:latest": ErrImagePull: manifest unknown'),
    { code: 'ImageNotFound', cause: /"httpd:latest" does not exist in docker.io/ },
  ),
  ofPod('a private image', image('ErrImagePull', 'failed to authorize: unexpected status: 401 Unauthorized'), {
    code: 'ImageUnauthorized',
    cause: /does not let us pull/,
  }),
  ofPod(
    'an image of another platform',
    image('ErrImagePull', 'no matching manifest for linux/arm64/v8 in the manifest list entries'),
    { code: 'ImagePlatform', cause: /platform/ },
  ),
  ofPod('a registry that does not resolve', image('ErrImagePull', 'dial tcp: lookup registry.example: no such host'), {
    code: 'RegistryUnreachable',
    cause: /cannot be reached/,
  }),
  ofPod('an image name with capitals', image('InvalidImageName', "couldn't parse image name"), {
    code: 'InvalidImageName',
    cause: /not a valid image name/,
  }),
  ofPod(
    'an image that must not be pulled',
    image('ErrImageNeverPull', 'Container image "httpd:latest" is not present with pull policy of Never'),
    { code: 'ImageNeverPull', cause: /imagePullPolicy: Never/ },
  ),
  ofPod(
    'too little memory',
    {
      phase: 'Running',
      status: looping(ended(137, 'OOMKilled')),
      spec: { containers: [{ name: 'main', image: 'x', resources: { limits: { memory: '64Mi' } } }] },
    },
    {
      code: 'OOMKilled',
      cause: /more memory than its limit of 64Mi/,
      evidence: /back-off 40s, next start in about 25s/,
    },
  ),
  ofPod(
    'an exit code',
    { phase: 'Running', status: looping(ended(3)) },
    { code: 'Crash', cause: /ends with exit code 3/, evidence: /log: cannot open database/ },
    { logs: ['cannot open database'] },
  ),
  ofPod(
    'a segmentation fault',
    { phase: 'Running', status: looping(ended(139)) },
    { code: 'Crash', cause: /killed by SIGSEGV/ },
  ),
  ofPod(
    'a program that ends at once',
    { phase: 'Running', status: looping(ended(0)) },
    { code: 'ExitsAtOnce', cause: /ends with success/ },
  ),
  ofPod(
    'a command that is not in the image',
    { status: looping(ended(128, 'StartError', 'exec: "foo": executable file not found in $PATH')) },
    { code: 'CommandNotFound', cause: /no program "foo"/ },
  ),
  ofPod(
    'a missing command of a shell script',
    { phase: 'Running', status: looping(ended(127)) },
    { code: 'CommandNotFound', cause: /a command was not found/ },
  ),
  ofPod(
    'an init container that fails',
    {
      init: { state: waiting('CrashLoopBackOff'), lastState: ended(1), restartCount: 2 },
      status: { state: waiting('PodInitializing') },
    },
    { code: 'InitContainerFails', cause: /init container setup ends with exit code 1/ },
  ),
  ofPod(
    'an environment from a missing Secret',
    { status: { state: waiting('CreateContainerConfigError', 'secret "db" not found') } },
    { code: 'SecretNotFound', cause: /secret "db", which does not exist/ },
  ),
  ofPod(
    'a missing key',
    {
      status: { state: waiting('CreateContainerConfigError', "couldn't find key port in ConfigMap default/settings") },
    },
    { code: 'KeyNotFound', cause: /has no key "port"/ },
  ),
  ofPod(
    'root where it is forbidden',
    {
      status: {
        state: waiting(
          'CreateContainerConfigError',
          'container has runAsNonRoot and image will run as root (pod: "web_default(uid)", container: main)',
        ),
      },
    },
    { code: 'RunAsNonRoot', cause: /must not run as root/ },
  ),
  ofPod(
    'a readiness probe of the wrong path',
    probed({ httpGet: { path: '/healthz', port: 80 } }),
    { code: 'ProbeFailing', cause: /statuscode: 404/, evidence: /GET http:\/\/the Pod:80\/healthz/ },
    { events: [['Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404']] },
  ),
  ofPod(
    'a probe of a port on which nothing listens',
    probed({ tcpSocket: { port: 81 } }),
    { code: 'ProbePortClosed', cause: /port 81, on which nothing listens/, evidence: /0\.0\.0\.0:80/ },
    { facts: { listening: new Map([['uid-web', [{ address: '0.0.0.0', port: 80 }]]]) } },
  ),
  ofPod(
    'a probe of a port name that is not there',
    probed({ httpGet: { port: 'web' } }, [{ name: 'http', containerPort: 80 }]),
    { code: 'ProbePortUnknown', cause: /port "web"/ },
  ),
  ofPod(
    'a server on loopback',
    probed({ tcpSocket: { port: 80 } }),
    { code: 'ProbePortLoopback', cause: /127\.0\.0\.1 only/ },
    { facts: { listening: new Map([['uid-web', [{ address: '127.0.0.1', port: 80 }]]]) } },
  ),
  ofPod(
    'a liveness probe that kills',
    { phase: 'Running', status: looping(ended(137)) },
    { code: 'KilledByProbe', cause: /liveness or startup probe fails/ },
    { events: [['Killing', 'Container main failed liveness probe, will be restarted']] },
  ),
  ofPod(
    'a volume of a missing ConfigMap',
    { spec: { volumes: [{ name: 'v', configMap: { name: 'settings' } }] } },
    { code: 'ConfigMapNotFound', cause: /ConfigMap "settings", which does not exist/ },
    { facts: { missing: new Set(['ConfigMap default/settings']) } },
  ),
  ofPod(
    'a claim that does not exist',
    withClaim('datta'),
    { code: 'ClaimNotFound', cause: /PersistentVolumeClaim "datta"/, evidence: /claims in namespace default: data/ },
    { facts: { claims: [claim({}, { phase: 'Bound' }) as never] } },
  ),
  ofPod(
    'a hostPath of the wrong type',
    {},
    { code: 'HostPathType', cause: /hostPath is not what type asks for/ },
    {
      events: [
        ['FailedMount', 'MountVolume.SetUp failed for volume "h" : hostPath type check failed: /x is not a directory'],
      ],
    },
  ),
  ofPod(
    'a Service name that does not resolve',
    { phase: 'Running', status: looping(ended(1)) },
    { code: 'NameNotFound', cause: /no Service "databse"/, evidence: /ENOTFOUND/ },
    { logs: ['Error: getaddrinfo ENOTFOUND databse'], facts: { services: [object('Service', 'database') as never] } },
  ),
  ofPod(
    'a Service of another namespace',
    { phase: 'Running', status: looping(ended(1)) },
    { code: 'NameNotFound', cause: /is in namespace prod, not default/ },
    {
      logs: ['dial tcp: lookup db on 10.96.0.10:53: no such host'],
      facts: { services: [object('Service', 'db', {}, { namespace: 'prod' }) as never] },
    },
  ),
  ofPod(
    'an eviction',
    { phase: 'Failed', more: { reason: 'Evicted', message: 'The node was low on resource: memory.' } },
    { code: 'Evicted', cause: /low on resource: memory/ },
  ),
  ofPod(
    'a network that cannot be made',
    {},
    { code: 'SandboxFailed', cause: /network cannot be made/ },
    { events: [['FailedCreatePodSandBox', 'Failed to create pod sandbox: no address left']] },
  ),
];

const otherRows: Row[] = [
  {
    what: 'a selector that matches nothing',
    object: service(),
    facts: { pods: [labelled] },
    code: 'NoPodsSelected',
    cause: /app=web matches no Pod/,
    evidence: /app=webb/,
  },
  {
    what: 'a Service whose Pods are in another namespace',
    object: service(),
    facts: { pods: [{ ...readyPod, metadata: { ...readyPod.metadata, namespace: 'other' } }] },
    code: 'NoPodsSelected',
    cause: /matches no Pod/,
    evidence: /own namespace only/,
  },
  {
    what: 'a target port name that no container has',
    object: service({ ports: [{ port: 80, targetPort: 'web' }] }),
    facts: { pods: [readyPod] },
    code: 'TargetPortUnknown',
    cause: /port named "web"/,
  },
  {
    what: 'a target port on which nothing listens',
    object: service({ ports: [{ port: 80, targetPort: 80 }] }),
    facts: { pods: [readyPod], listening: new Map([['uid-web', [{ address: '0.0.0.0', port: 8080 }]]]) },
    code: 'TargetPortClosed',
    cause: /on which nothing listens/,
    evidence: /0\.0\.0\.0:8080/,
  },
  {
    what: 'a protocol that differs',
    object: service({ ports: [{ port: 80, targetPort: 8080, protocol: 'UDP' }] }),
    facts: { pods: [readyPod] },
    code: 'ProtocolMismatch',
    cause: /is UDP, the containers' port 8080 is TCP/,
  },
  {
    what: 'a policy that drops',
    object: service({ ports: [{ port: 80, targetPort: 8080 }] }),
    facts: {
      pods: [readyPod],
      networkPolicies: [
        object('NetworkPolicy', 'deny', { spec: { podSelector: {}, policyTypes: ['Ingress'] } }) as never,
      ],
    },
    code: 'PolicyDrops',
    cause: /NetworkPolicy deny/,
  },
  {
    what: 'a Service whose Pods crash',
    object: service(),
    facts: { pods: [pod({ phase: 'Running', status: looping(ended(2)) })] },
    code: 'Crash',
    cause: /exit code 2/,
  },
  {
    what: 'a Service without selector and endpoints',
    object: service({ selector: {} }),
    code: 'NoSelector',
    cause: /no selector/,
  },
  {
    what: 'a quota',
    object: replicaSet(
      'pods "web-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2',
    ),
    code: 'QuotaExceeded',
    cause: /quota "small" is used up: requested pods=1, used pods=2 of pods=2/,
  },
  {
    what: 'a LimitRange',
    object: replicaSet('pods "web-x" is forbidden: maximum cpu usage per Container is 1, but limit is 2'),
    code: 'LimitRange',
    cause: /maximum cpu usage per Container is 1/,
  },
  {
    what: 'a webhook that refuses',
    object: replicaSet('admission webhook "policy.example.com" denied the request: no owner label'),
    code: 'WebhookDenied',
    cause: /"policy.example.com" refuses it: no owner label/,
  },
  {
    what: 'a webhook that is away',
    object: replicaSet(
      'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://p.default.svc:443/": connection refused',
    ),
    code: 'WebhookUnreachable',
    cause: /cannot be called.*connection refused/,
  },
  {
    what: 'Pod security',
    object: replicaSet('pods "web-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'),
    code: 'PodSecurity',
    cause: /restricted:latest/,
  },
  {
    what: 'a missing service account',
    object: replicaSet(
      'pods "web-" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found',
    ),
    code: 'ServiceAccountNotFound',
    cause: /service account "robot" does not exist/,
  },
  {
    what: 'zero replicas',
    object: object('Deployment', 'web', { spec: { replicas: 0 } }),
    code: 'ScaledToZero',
    cause: /0 replicas/,
  },
  {
    what: 'a claim of an unknown class',
    object: claim({ storageClassName: 'fsat' }),
    facts: { storageClasses: [object('StorageClass', 'fast', { provisioner: 'x' }) as never] },
    code: 'StorageClassNotFound',
    cause: /"fsat" does not exist/,
    evidence: /fast/,
  },
  {
    what: 'a claim without a default class',
    object: claim({}),
    code: 'NoDefaultStorageClass',
    cause: /none is the default/,
  },
  {
    what: 'a claim larger than the volumes',
    object: claim({ storageClassName: '' }),
    facts: {
      volumes: [
        object('PersistentVolume', 'small', {
          spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
          status: { phase: 'Available' },
        }) as never,
      ],
    },
    code: 'NoMatchingVolume',
    cause: /no PersistentVolume fits/,
    evidence: /has 1Gi of the 10Gi/,
  },
  {
    what: 'a Job that failed too often',
    object: object('Job', 'j', {
      spec: { backoffLimit: 2 },
      status: {
        failed: 3,
        conditions: [
          {
            type: 'Failed',
            status: 'True',
            reason: 'BackoffLimitExceeded',
            message: 'Job has reached the specified backoff limit',
          },
        ],
      },
    }),
    code: 'BackoffLimitExceeded',
    cause: /backoffLimit of 2/,
  },
  {
    what: 'a suspended CronJob',
    object: object('CronJob', 'c', { spec: { suspend: true, schedule: '* * * * *' } }),
    code: 'Suspended',
    cause: /suspended/,
  },
  {
    what: 'a silent kubelet',
    object: node('n1', {
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastHeartbeatTime: ago(90),
        },
      ],
    }),
    code: 'KubeletSilent',
    cause: /does not report, last heard of 90s ago/,
  },
  {
    what: 'a full disk',
    object: node('n1', {
      conditions: [
        { type: 'Ready', status: 'True' },
        {
          type: 'DiskPressure',
          status: 'True',
          reason: 'KubeletHasDiskPressure',
          message: 'kubelet has disk pressure',
        },
      ],
    }),
    code: 'DiskPressure',
    cause: /short of disk/,
  },
];

test('each broken manifest gets its diagnosis, the cause first', () => {
  assert.ok(podRows.length + otherRows.length >= 50);
  for (const row of [...podRows, ...otherRows]) {
    const [first] = diagnose(row.object, facts(row.facts));
    assert.ok(first, `${row.what}: nothing was found`);
    assert.equal(first.code, row.code, `${row.what}: ${JSON.stringify(first)}`);
    assert.match(first.cause, row.cause, row.what);
    if (row.evidence) assert.match(first.evidence.join('\n'), row.evidence, row.what);
    assert.notEqual(first.severity, 'note', row.what);
  }
});

test('what works has nothing wrong with it', () => {
  const webService = service({ ports: [{ port: 80, targetPort: 'http' }] });
  const host = facts({ pods: [readyPod], listening: new Map([['uid-web', [{ address: '::', port: 8080 }]]]) });
  for (const fine of [readyPod, webService, node(), claim({}, { phase: 'Bound' })])
    assert.deepEqual(diagnose(fine, host), [], fine.kind);
});

test('a Deployment is diagnosed by its Pods through its ReplicaSet; the same cause is said once', () => {
  const deployment = object('Deployment', 'web', { spec: { replicas: 3 } });
  const owned = {
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: deployment.metadata.uid, controller: true },
    ],
  };
  const set = object('ReplicaSet', 'web-1', { spec: { replicas: 3 } }, owned);
  const pods = ['a', 'b', 'c'].map((name) => pod({ name, owner: set, phase: 'Running', status: looping(ended(1)) }));
  const found = diagnose(deployment, facts({ workloads: [deployment, set], pods }));
  assert.deepEqual(
    found.map(({ code, count }) => [code, count]),
    [['Crash', 3]],
  );
});

test('exit codes are told by signal', () => {
  assert.equal(describeExit(137), 'exit code 137: killed by SIGKILL');
  assert.equal(describeExit(143), 'exit code 143: killed by SIGTERM');
  assert.equal(describeExit(134), 'exit code 134: killed by SIGABRT');
  assert.equal(describeExit(2), 'exit code 2');
});

test('kinds are understood as kubectl writes them', () => {
  assert.equal(parseSubject('pvc/x').resource.kind, 'PersistentVolumeClaim');
  assert.equal(parseSubject('Deployment.apps/x').resource.kind, 'Deployment');
  assert.throws(() => parseSubject('x'), /KIND\/NAME/);
  assert.throws(() => parseSubject('secret/x'), /no diagnosis of "secret"/);
  assert.ok(now > 0);
});
