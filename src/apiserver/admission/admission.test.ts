import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LimitRange, Pod, ResourceQuota } from '../../api/generated/core-v1.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { builtin, namespaces, nodes, pods, type ResourceInfo, serviceAccounts } from '../../api/resource.ts';
import type { StatusError } from '../../api/status-error.ts';
import { FakeClock } from '../../base/clock.ts';
import { MemoryReader } from '../authentication/memory-reader.ts';
import { createAuthorizer } from '../authorization/authorizers.ts';
import type { AdmissionAttributes, UserInfo } from '../request.ts';
import { builtinAdmission } from './all.ts';

const admin: UserInfo = { name: 'admin', groups: ['system:masters'] };
const kubelet: UserInfo = { name: 'system:node:box', groups: ['system:nodes'] };

function setUp() {
  const reader = new MemoryReader();
  const clock = new FakeClock();
  reader.put(namespaces, { metadata: { name: 'shop' }, status: { phase: 'Active' } });
  reader.put(serviceAccounts, {
    metadata: { name: 'default', namespace: 'shop' },
    imagePullSecrets: [{ name: 'registry' }],
  });
  const authorizer = createAuthorizer({ reader, nodeRules: [] });
  const { beforeWebhooks, afterWebhooks } = builtinAdmission({ reader, clock, authorizer });
  const plugins = [...beforeWebhooks, ...afterWebhooks];
  const warnings: string[] = [];
  const annotations: Record<string, string> = {};
  const run = async (resource: ResourceInfo, object: object | undefined, over: Partial<AdmissionAttributes> = {}) => {
    const attributes = {
      operation: 'CREATE',
      resource,
      subresource: '',
      namespace: resource.namespaced ? 'shop' : '',
      name: (object as KubeObject | undefined)?.metadata.name ?? '',
      object,
      oldObject: undefined,
      options: {},
      dryRun: false,
      user: admin,
      warn: (message: string) => void warnings.push(message),
      annotate: (key: string, value: string) => {
        annotations[key] = value;
      },
      ...over,
    } as AdmissionAttributes;
    for (const plugin of plugins) if (plugin.handles(attributes)) await plugin.admit?.(attributes);
    for (const plugin of plugins) if (plugin.handles(attributes)) await plugin.validate?.(attributes);
    return attributes.object;
  };
  return { reader, clock, run, warnings, annotations };
}

const pod = (name: string, spec: object = {}, metadata: object = {}) => ({
  metadata: { name, namespace: 'shop', ...metadata },
  spec: { containers: [{ name: 'web', image: 'httpd' }], ...spec },
});
const fails = (message: string | RegExp) => (error: StatusError) => {
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

describe('admission of a Pod', () => {
  it('fills in service account, token, tolerations and priority', async () => {
    const { run } = setUp();
    const { spec } = (await run(pods, pod('web'))) as Pod;
    assert.equal(spec?.serviceAccountName, 'default');
    assert.deepEqual(spec?.imagePullSecrets, [{ name: 'registry' }]);
    const [volume] = spec?.volumes ?? [];
    assert.match(volume?.name ?? '', /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    assert.equal(volume?.projected?.sources?.length, 3);
    assert.deepEqual(spec?.containers[0]?.volumeMounts, [
      { name: volume?.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ]);
    assert.deepEqual(
      spec?.tolerations?.map(({ key }) => key),
      ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    );
    assert.equal(spec?.priority, 0);
    assert.equal(spec?.preemptionPolicy, 'PreemptLowerPriority');
  });

  it('respects automountServiceAccountToken: false', async () => {
    const { run } = setUp();
    const { spec } = (await run(pods, pod('web', { automountServiceAccountToken: false }))) as Pod;
    assert.equal(spec?.volumes, undefined);
  });

  const refusals: [string, object, string][] = [
    [
      'an unknown service account',
      { serviceAccountName: 'none' },
      'pods "web" is forbidden: error looking up service account shop/none: serviceaccount "none" not found',
    ],
    [
      'an unknown priority class',
      { priorityClassName: 'none' },
      'pods "web" is forbidden: no PriorityClass with name none was found',
    ],
    [
      'an unknown runtime class',
      { runtimeClassName: 'none' },
      'pods "web" is forbidden: pod rejected: RuntimeClass "none" not found',
    ],
    [
      'overhead without a runtime class',
      { overhead: { cpu: '1' } },
      'pods "web" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
  ];
  for (const [what, spec, message] of refusals) {
    it(`refuses ${what}`, () => assert.rejects(setUp().run(pods, pod('web', spec)), fails(message)));
  }

  it('takes the number of the priority class', async () => {
    const { run, reader } = setUp();
    reader.put(builtin<PriorityClass>('scheduling.k8s.io', 'v1', 'priorityclasses'), {
      metadata: { name: 'high' },
      value: 7,
      preemptionPolicy: 'Never',
    });
    const { spec } = (await run(pods, pod('web', { priorityClassName: 'high' }))) as Pod;
    assert.deepEqual([spec?.priority, spec?.preemptionPolicy], [7, 'Never']);
  });
});

describe('admission to a namespace', () => {
  it('refuses what is not there or going away', async () => {
    const { run, reader } = setUp();
    await assert.rejects(run(pods, pod('web'), { namespace: 'none' }), fails('namespaces "none" not found'));
    reader.put(namespaces, { metadata: { name: 'shop' }, status: { phase: 'Terminating' } });
    await assert.rejects(run(pods, pod('web')), (error: StatusError) => {
      assert.equal(
        error.message,
        'pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
      );
      assert.equal(error.status.details?.causes?.[0]?.reason, 'NamespaceTerminating');
      return true;
    });
    await assert.rejects(
      run(namespaces, undefined, { operation: 'DELETE', name: 'kube-system' }),
      fails('namespaces "kube-system" is forbidden: this namespace may not be deleted'),
    );
  });
});

describe('limits and quotas', () => {
  it('LimitRanger fills in and enforces', async () => {
    const { run, reader } = setUp();
    reader.put(builtin<LimitRange>('', 'v1', 'limitranges'), {
      metadata: { name: 'limits', namespace: 'shop' },
      spec: {
        limits: [
          { type: 'Container', default: { memory: '64Mi' }, defaultRequest: { cpu: '10m' }, max: { memory: '128Mi' } },
        ],
      },
    });
    const { spec, metadata } = (await run(pods, pod('web'))) as Pod;
    assert.deepEqual(spec?.containers[0]?.resources, { requests: { cpu: '10m' }, limits: { memory: '64Mi' } });
    assert.equal(
      metadata.annotations?.['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu request for container web; memory limit for container web',
    );
    const greedy = { containers: [{ name: 'web', resources: { limits: { memory: '1Gi' } } }] };
    await assert.rejects(
      run(pods, pod('web', greedy)),
      fails('pods "web" is forbidden: maximum memory usage per Container is 128Mi, but limit is 1Gi'),
    );
  });

  it('ResourceQuota counts what is there and what comes at the same time', async () => {
    const { run, reader } = setUp();
    reader.put(builtin<ResourceQuota>('', 'v1', 'resourcequotas'), {
      metadata: { name: 'small', namespace: 'shop' },
      spec: { hard: { pods: '2', 'requests.cpu': '1' } },
    });
    const asking = (cpu: string) => ({ containers: [{ name: 'web', resources: { requests: { cpu } } }] });
    await assert.rejects(
      run(pods, pod('web')),
      fails('pods "web" is forbidden: failed quota: small: must specify requests.cpu for: web'),
    );
    await assert.rejects(
      run(pods, pod('web', asking('2'))),
      fails(
        'pods "web" is forbidden: exceeded quota: small, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1',
      ),
    );
    reader.put(pods, pod('one', asking('100m')) as unknown as Pod);
    await run(pods, pod('two', asking('100m')));
    await assert.rejects(
      run(pods, pod('three', asking('100m'))),
      fails('pods "three" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'),
    );
  });
});

describe('nodes', () => {
  it('are born tainted', async () => {
    const { run } = setUp();
    const node = (await run(nodes, { metadata: { name: 'box' } }, { user: kubelet })) as { spec?: object };
    assert.deepEqual(node.spec, { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] });
  });

  it('touch only themselves and their Pods', async () => {
    const { run } = setUp();
    await assert.rejects(
      run(nodes, { metadata: { name: 'other' } }, { user: kubelet }),
      fails('nodes "other" is forbidden: node "box" is not allowed to modify node "other"'),
    );
    await assert.rejects(
      run(nodes, { metadata: { name: 'box', labels: { 'node-role.kubernetes.io/master': '' } } }, { user: kubelet }),
      fails(/is not allowed to set the following labels: node-role.kubernetes.io\/master/),
    );
    await assert.rejects(
      run(pods, pod('web', { nodeName: 'other' }), {
        user: kubelet,
        operation: 'UPDATE',
        subresource: 'status',
        oldObject: pod('web', { nodeName: 'other' }) as unknown as KubeObject,
      }),
      fails(/node "box" can only update pod status for pods with spec.nodeName set to itself/),
    );
  });
});

describe('Pods', () => {
  it('are told in which zone their node is', async () => {
    const { run, reader } = setUp();
    const zone = { 'topology.kubernetes.io/zone': 'z1' };
    reader.put(nodes, { metadata: { name: 'box', labels: { ...zone, other: 'x' } } });
    const target = { kind: 'Node', name: 'box' };
    const bound = await run(pods, { metadata: { name: 'web' }, target }, { subresource: 'binding' });
    assert.deepEqual(bound?.metadata.labels, zone);
    const placed = await run(pods, pod('web', { nodeName: 'box' }));
    assert.deepEqual(placed?.metadata.labels, zone);
  });
});

describe('Pod security', () => {
  const labelled = (levels: Record<string, string>) => ({
    metadata: {
      name: 'shop',
      labels: Object.fromEntries(
        Object.entries(levels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
      ),
    },
  });
  const bad = { hostNetwork: true, containers: [{ name: 'web', securityContext: { privileged: true } }] };

  it('follows the labels of the namespace', async () => {
    const { run, reader, warnings, annotations } = setUp();
    const label = (levels: Record<string, string>) => reader.put(namespaces, labelled(levels));
    label({ warn: 'baseline', audit: 'baseline' });
    await run(pods, pod('web', bad));
    assert.match(warnings[0] ?? '', /^would violate PodSecurity "baseline:latest": host namespaces/);
    assert.match(annotations['pod-security.kubernetes.io/audit-violations'] ?? '', /^would violate PodSecurity/);
    label({ enforce: 'baseline', 'enforce-version': 'v1.30' });
    await assert.rejects(
      run(pods, pod('web', bad)),
      fails(
        'pods "web" is forbidden: violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true), privileged (container "web" must not set securityContext.privileged=true)',
      ),
    );
    assert.equal(annotations['pod-security.kubernetes.io/enforce-policy'], 'baseline:v1.30');
    await run(pods, pod('web'));
  });

  it('looks at updates that change what runs, and at no others', async () => {
    const { run, reader } = setUp();
    reader.put(namespaces, labelled({ enforce: 'baseline' }));
    const update = (object: object, subresource = '') =>
      run(pods, object, { operation: 'UPDATE', subresource, oldObject: pod('web', bad) as never });
    await update(pod('web', bad, { labels: { a: 'b' } }));
    const [container] = bad.containers;
    await assert.rejects(
      update(pod('web', { ...bad, containers: [{ ...container, image: 'new' }] })),
      fails(/violates PodSecurity/),
    );
    const ephemeralContainers = [{ name: 'debug', image: 'busybox' }];
    await assert.rejects(
      update(pod('web', { ...bad, ephemeralContainers }), 'ephemeralcontainers'),
      fails(/violates PodSecurity/),
    );
  });

  it('tells a namespace which of its Pods a new level would refuse, and refuses levels that are not there', async () => {
    const { run, reader, warnings } = setUp();
    for (const name of ['b', 'a']) reader.put(pods, pod(name, bad));
    const update = (levels: Record<string, string>, old: Record<string, string> = {}) =>
      run(namespaces, labelled(levels), { operation: 'UPDATE', oldObject: labelled(old) as never });
    await update({ enforce: 'baseline' });
    assert.deepEqual(warnings, [
      'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): host namespaces, privileged',
    ]);
    await assert.rejects(
      update({ warn: 'none', 'warn-version': '1.30' }),
      fails(
        'Namespace "shop" is invalid: [metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "none": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.30": must be "latest" or "v1.x"]',
      ),
    );
    await update({ warn: 'none' }, { warn: 'none' });
  });
});

describe('Devices', () => {
  it('that others have are for namespaces of administrators', async () => {
    const { run, reader } = setUp();
    const group = 'resource.k8s.io';
    const devices = { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', adminAccess: true } }] };
    const claim = { metadata: { name: 'c' }, spec: { devices } };
    const template = { metadata: { name: 'c' }, spec: { spec: { devices } } };
    const create = [
      () => run(builtin(group, 'v1', 'resourceclaims'), claim),
      () => run(builtin(group, 'v1', 'resourceclaimtemplates'), template),
    ];
    const refused = fails(/spec\.devices\.requests\[0\]\.adminAccess: Forbidden: admin access to devices/);
    for (const one of create) await assert.rejects(one, refused);
    const labels = { 'resource.kubernetes.io/admin-access': 'true' };
    reader.put(namespaces, { metadata: { name: 'shop', labels } });
    for (const one of create) await one();
  });

  it('are chosen by expressions that compile, but for those that were there before', async () => {
    const { run } = setUp();
    const claims = builtin('resource.k8s.io', 'v1', 'resourceclaims');
    const claim = (labels: object) => {
      const exactly = { deviceClassName: 'gpu', selectors: [{ cel: { expression: 'device.nothing ==' } }] };
      const requests = [
        { name: 'a', exactly: { deviceClassName: 'gpu' } },
        { name: 'b', exactly },
      ];
      return { kind: 'ResourceClaim', metadata: { name: 'c', labels }, spec: { devices: { requests } } };
    };
    const refused = fails(/spec\.devices\.requests\[1\]\.exactly\.selectors\[0\]\.cel\.expression: Invalid value/);
    await assert.rejects(() => run(claims, claim({})), refused);
    const oldObject = claim({}) as unknown as KubeObject;
    await run(claims, claim({ of: 'shop' }), { operation: 'UPDATE', oldObject });
  });
});
