import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../decode.ts';
import { applyDefaults } from '../defaults.ts';
import type { KubeObject } from '../object.ts';
import { validateCreate, validateUpdate } from './validate.ts';

type Loose = Record<string, unknown>;

function prepared(type: string, value: Loose): KubeObject {
  return applyDefaults(type, decodeObject(type, value, { fieldValidation: 'Ignore' }).object);
}

function createErrors(type: string, value: Loose): string[] {
  return validateCreate(type, prepared(type, value)).map(({ field, message }) => `${field}: ${message}`);
}

function updateErrors(type: string, value: Loose, old: Loose): string[] {
  const [now, before] = [value, old].map((object) => {
    const result = prepared(type, object);
    result.metadata.resourceVersion = '1';
    return result;
  });
  return validateUpdate(type, now as KubeObject, before as KubeObject).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

const meta = { name: 'a', namespace: 'default' };
const podOf = (spec: Loose, metadata: Loose = meta) => ({
  metadata,
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
});
const container = (more: Loose) => podOf({ containers: [{ name: 'c', image: 'x', ...more }] });
const deployment = (spec: Loose) => ({
  metadata: meta,
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    ...spec,
  },
});

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

test('metadata is refused as kube-apiserver refuses it', () => {
  const rows: [Loose, string[]][] = [
    [{ namespace: 'default' }, ['metadata.name: Required value: name or generateName is required']],
    [{ ...meta, name: 'Web_1' }, [`metadata.name: Invalid value: "Web_1": ${subdomain}`]],
    [{ name: 'a' }, ['metadata.namespace: Required value']],
    [
      { ...meta, name: 'a'.repeat(254) },
      [`metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 bytes`],
    ],
    [
      { ...meta, labels: { 'a b': 'x' } },
      [
        "metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [
      { ...meta, finalizers: ['mine'] },
      [
        'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
      ],
    ],
    [
      { ...meta, annotations: { a: 'x'.repeat(262144) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
  ];
  for (const [metadata, expected] of rows) assert.deepEqual(createErrors('core/v1.ConfigMap', { metadata }), expected);
});

test('Pods are refused as kube-apiserver refuses them', () => {
  const rows: [string, Loose, string[]][] = [
    ['is right', podOf({}), []],
    ['has no container', podOf({ containers: [] }), ['spec.containers: Required value']],
    ['has no image', podOf({ containers: [{ name: 'c' }] }), ['spec.containers[0].image: Required value']],
    [
      'has a bad container name',
      podOf({ containers: [{ name: 'C', image: 'x' }] }),
      [`spec.containers[0].name: Invalid value: "C": ${label}`],
    ],
    [
      'has a name twice',
      podOf({
        containers: [
          { name: 'c', image: 'x' },
          { name: 'c', image: 'x' },
        ],
      }),
      ['spec.containers[1].name: Duplicate value: "c"'],
    ],
    [
      'restarts sometimes',
      podOf({ restartPolicy: 'Sometimes' }),
      ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'has a port too high',
      container({ ports: [{ containerPort: 70000 }] }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'mounts what is not there',
      container({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ],
    [
      'asks for more than its limit',
      container({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'asks for an unknown resource',
      container({ resources: { limits: { gpu: '1' } } }),
      [
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      'has a probe that does nothing',
      container({ livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'has two kinds of volume in one',
      podOf({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'tolerates everything by accident',
      podOf({ tolerations: [{ operator: 'Equal' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'has probes in an init container',
      podOf({ initContainers: [{ name: 'i', image: 'x', readinessProbe: { tcpSocket: { port: 1 } } }] }),
      [
        'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
      ],
    ],
    [
      'has restart rules that say nothing, and a stop signal for no system',
      container({
        restartPolicyRules: [{ action: 'Stop', exitCodes: { operator: 'Is' } }, { action: 'Restart' }],
        lifecycle: { stopSignal: 'SIGUSR1' },
      }),
      [
        'spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`',
        'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"',
        'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
        'spec.containers[0].restartPolicyRules[1].exitCodes: Required value: must be specified',
      ],
    ],
    [
      'brings ephemeral containers',
      podOf({ ephemeralContainers: [{ name: 'e', image: 'x' }] }),
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
    [
      'has an env var without a name',
      container({ env: [{ value: 'x' }] }),
      ['spec.containers[0].env[0].name: Required value'],
    ],
  ];
  for (const [what, value, expected] of rows)
    assert.deepEqual(createErrors('core/v1.Pod', value), expected, `a Pod that ${what}`);
});

test('of a Pod little may change', () => {
  const old = podOf({});
  assert.deepEqual(
    updateErrors(
      'core/v1.Pod',
      podOf({ containers: [{ name: 'c', image: 'y' }], activeDeadlineSeconds: 5 }),
      podOf({ containers: [{ name: 'c', image: 'x:1' }] }),
    ).map((text) => text.split('\n')[0] ?? ''),
    [
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ],
  );
  assert.deepEqual(updateErrors('core/v1.Pod', podOf({ containers: [{ name: 'c', image: 'y' }] }), old), []);
  assert.deepEqual(updateErrors('core/v1.Pod', podOf({ tolerations: [{ key: 'a', operator: 'Exists' }] }), old), []);
  assert.deepEqual(updateErrors('core/v1.Pod', old, podOf({ tolerations: [{ key: 'a', operator: 'Exists' }] })), [
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
  ]);
  const [hostname = ''] = updateErrors('core/v1.Pod', podOf({ hostname: 'h' }), old);
  assert.match(hostname, /\n\+ hostname: "h"$/);
});

test('Deployments are refused as kube-apiserver refuses them', () => {
  const rows: [Loose, string[]][] = [
    [deployment({}), []],
    [
      deployment({ selector: undefined }),
      [
        'spec.selector: Required value',
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      deployment({ selector: { matchLabels: { app: 'b' } } }),
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [deployment({ selector: {} }), ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
    [deployment({ replicas: -1 }), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
    [
      deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      deployment({
        template: {
          metadata: { labels: { app: 'a' } },
          spec: { containers: [{ name: 'c', image: 'x' }], restartPolicy: 'Never' },
        },
      }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      deployment({ progressDeadlineSeconds: 5, minReadySeconds: 5 }),
      ['spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
    ],
  ];
  for (const [value, expected] of rows) assert.deepEqual(createErrors('apps/v1.Deployment', value), expected);
  const moved = deployment({
    selector: { matchLabels: { app: 'b' } },
    template: { metadata: { labels: { app: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  });
  assert.deepEqual(updateErrors('apps/v1.Deployment', moved, deployment({})), [
    'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
  ]);
});

test('Services are refused as kube-apiserver refuses them', () => {
  const serviceOf = (spec: Loose, name = 'a') => ({ metadata: { ...meta, name }, spec });
  const rows: [Loose, string[]][] = [
    [serviceOf({ ports: [{ port: 80 }] }), []],
    [serviceOf({}), ['spec.ports: Required value']],
    [
      serviceOf({ ports: [{ port: 80 }] }, '1a'),
      [
        "metadata.name: Invalid value: \"1a\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [serviceOf({ ports: [{ port: 80 }, { port: 81, name: 'b' }] }), ['spec.ports[0].name: Required value']],
    [
      serviceOf({ ports: [{ port: 80, nodePort: 30000 }] }),
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      serviceOf({ type: 'Magic', ports: [{ port: 80 }] }),
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [serviceOf({ type: 'ExternalName' }), ['spec.externalName: Required value']],
  ];
  for (const [value, expected] of rows) assert.deepEqual(createErrors('core/v1.Service', value), expected);
  const ips = (ip: string) => serviceOf({ ports: [{ port: 80 }], clusterIP: ip, clusterIPs: [ip] });
  assert.deepEqual(updateErrors('core/v1.Service', ips('10.0.0.2'), ips('10.0.0.1')), [
    'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
  ]);
});

test('what is immutable stays', () => {
  const map = (data: Loose, immutable?: boolean) => ({ metadata: meta, data, immutable });
  assert.deepEqual(updateErrors('core/v1.ConfigMap', map({ a: '2' }, true), map({ a: '1' }, true)), [
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
  const binding = (name: string) => ({ metadata: meta, roleRef: { kind: 'Role', name } });
  assert.deepEqual(updateErrors('rbac/v1.RoleBinding', binding('b'), binding('a')), [
    'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"b"}: cannot change roleRef',
  ]);
  assert.deepEqual(
    updateErrors('core/v1.ConfigMap', { metadata: { ...meta, uid: '2' } }, { metadata: { ...meta, uid: '1' } }),
    ['metadata.uid: Invalid value: "2": field is immutable'],
  );
});

test('secrets must have what their type promises', () => {
  assert.deepEqual(createErrors('core/v1.Secret', { metadata: meta, type: 'kubernetes.io/tls' }), [
    'data[tls.crt]: Required value',
    'data[tls.key]: Required value',
  ]);
  assert.deepEqual(createErrors('core/v1.Secret', { metadata: meta, stringData: { 'a/b': 'x' } }), [
    "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
  ]);
});

test('the other kinds are refused as kube-apiserver refuses them', () => {
  const job = (spec: Loose) => ({
    metadata: { ...meta, uid: 'u' },
    spec: {
      manualSelector: true,
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }], ...spec },
      },
    },
  });
  const rows: [string, Loose, string[]][] = [
    ['batch/v1.Job', job({}), []],
    [
      'batch/v1.Job',
      job({ restartPolicy: 'Always' }),
      ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ],
    [
      'batch/v1.CronJob',
      { metadata: meta, spec: { schedule: '* * * *', jobTemplate: { spec: { template: job({}).spec.template } } } },
      ['spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
    ],
    [
      'batch/v1.CronJob',
      { metadata: meta, spec: { schedule: '70 * * * *', jobTemplate: { spec: { template: job({}).spec.template } } } },
      ['spec.schedule: Invalid value: "70 * * * *": end of range (70) above maximum (59): 70'],
    ],
    [
      'core/v1.PersistentVolumeClaim',
      { metadata: meta, spec: {} },
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'rbac/v1.Role',
      { metadata: { ...meta, name: 'system:x' }, rules: [{ verbs: [] }] },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      'networking/v1.Ingress',
      { metadata: meta, spec: { rules: [{ http: { paths: [{ path: '/', backend: { service: { name: 'a' } } }] } }] } },
      [
        'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
        'spec.rules[0].http.paths[0].backend: Required value: port name or number is required',
      ],
    ],
    [
      'discovery/v1.EndpointSlice',
      { metadata: meta, addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'] }] },
      [
        'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'apiextensions/v1.CustomResourceDefinition',
      {
        metadata: { name: 'x' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: false }],
        },
      },
      [
        'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
        'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
        'spec.versions: Invalid value: [{"name":"v1","served":true,"storage":false}]: must have exactly one version marked as storage version',
      ],
    ],
  ];
  for (const [type, value, expected] of rows) assert.deepEqual(createErrors(type, value), expected, type);
});

test('service ranges and addresses are refused as kube-apiserver refuses them', () => {
  const meta = { name: 'a' };
  const cidrs = (...list: string[]) =>
    createErrors('networking/v1.ServiceCIDR', { metadata: meta, spec: { cidrs: list } });
  assert.deepEqual(cidrs('10.0.0.0/24', '2001:db8::/64'), []);
  assert.deepEqual(cidrs(), ['spec.cidrs: Required value: at least one CIDR required']);
  assert.deepEqual(cidrs('10.0.0.0'), [
    'spec.cidrs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ]);
  const parentRef = { resource: 'services', name: 'a' };
  const address = (name: string, spec: object = { parentRef }) =>
    createErrors('networking/v1.IPAddress', { metadata: { name }, spec });
  assert.deepEqual(address('10.0.0.1'), []);
  assert.deepEqual(address('2001:db8::1'), []);
  for (const name of ['10.0.0.01', '2001:db8:0::1', 'a'])
    assert.deepEqual(address(name), [`metadata.name: Invalid value: "${name}": must be a canonical form IP address`]);
  assert.deepEqual(address('10.0.0.1', {}), ['spec.parentRef: Required value']);
});

test('what CSI drivers say is refused as kube-apiserver refuses it', () => {
  const metadata = { name: 'a' };
  const node = (...drivers: object[]) => createErrors('storage/v1.CSINode', { metadata, spec: { drivers } });
  const driver = { name: 'csi.example.com', nodeID: 'n', topologyKeys: ['a/zone'] };
  assert.deepEqual(node(driver), []);
  assert.deepEqual(node(driver, { ...driver, nodeID: '' }), [
    'spec.drivers[1].nodeID: Required value',
    'spec.drivers[1].name: Duplicate value: "csi.example.com"',
  ]);
  const attachment = (source: object) =>
    createErrors('storage/v1.VolumeAttachment', {
      metadata,
      spec: { attacher: 'csi.example.com', nodeName: 'n', source },
    });
  assert.deepEqual(attachment({ persistentVolumeName: 'v' }), []);
  assert.deepEqual(attachment({}), [
    'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
  ]);
  const capacity = (size: string) =>
    createErrors('storage/v1.CSIStorageCapacity', {
      metadata: { ...metadata, namespace: 'n' },
      storageClassName: 'c',
      capacity: size,
    });
  assert.deepEqual(capacity('1Gi'), []);
  assert.deepEqual(capacity('-1'), ['capacity: Invalid value: "-1": must be greater than or equal to 0']);
  assert.deepEqual(createErrors('storage/v1.VolumeAttributesClass', { metadata, driverName: 'd' }), [
    'parameters: Required value: must contain at least one key/value pair',
  ]);
  const tokenRequests = [{ audience: 'a' }, { audience: 'a' }, { audience: 'b', expirationSeconds: 1 }];
  assert.deepEqual(createErrors('storage/v1.CSIDriver', { metadata, spec: { tokenRequests } }), [
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
    'spec.tokenRequests[2].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
  ]);
});

test('a quota counts what can be counted, and of what its scopes have', () => {
  const quota = (spec: object) =>
    createErrors('core/v1.ResourceQuota', { metadata: { name: 'q', namespace: 'n' }, spec });
  assert.deepEqual(quota({ hard: { pods: '1', 'count/jobs.batch': '2', 'requests.hugepages-2Mi': '1' } }), []);
  assert.deepEqual(quota({ hard: { foo: '1' } }), [
    'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
    'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
  ]);
  assert.deepEqual(quota({ hard: { pods: '1', cpu: '1' }, scopes: ['BestEffort'] }), [
    'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
  ]);
  const matchExpressions = [{ scopeName: 'Terminating', operator: 'In', values: ['x'] }];
  assert.match(quota({ hard: { pods: '1' }, scopeSelector: { matchExpressions } })[0]!, /must be 'Exist' when scope/);
});

test('rules of webhooks are refused as kube-apiserver refuses them', () => {
  const rules = [
    { operations: ['X'], apiGroups: ['*', 'a'], apiVersions: ['v1'], resources: ['*/*', 'a', 'a/*', 'a/b'] },
  ];
  const webhook = {
    name: 'a.b.c',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    clientConfig: { url: 'https://x' },
  };
  const errors = createErrors('admissionregistration/v1.ValidatingWebhookConfiguration', {
    metadata: { name: 'w' },
    webhooks: [{ ...webhook, rules, failurePolicy: 'Q' }],
  });
  assert.deepEqual(errors, [
    'webhooks[0].rules[0].operations[0]: Unsupported value: "X": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
    `webhooks[0].rules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`,
    `webhooks[0].rules[0].resources[2]: Invalid value: "a/*": if '*/*' is present, must not specify a/*`,
    `webhooks[0].rules[0].resources[3]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b`,
    `webhooks[0].rules[0].resources: Invalid value: ["*/*","a","a/*","a/b"]: if '*/*' is present, must not specify other resources`,
    'webhooks[0].failurePolicy: Unsupported value: "Q": supported values: "Fail", "Ignore"',
  ]);
});

test('trust bundles and certificates in projected volumes are refused as kube-apiserver refuses them', () => {
  const source = (one: Loose) =>
    podOf({ serviceAccountName: 'a', volumes: [{ name: 'v', projected: { sources: [one] } }] });
  const at = 'spec.volumes[0].projected.sources[0]';
  const certificate = { signerName: 'example.com/pods', keyType: 'ED25519', credentialBundlePath: 'b.pem' };
  const rows: [Loose, string[]][] = [
    [{ clusterTrustBundle: { name: 'roots', path: 'a' } }, []],
    [{ clusterTrustBundle: { name: 'example.com:pods:v1', path: 'a' } }, []],
    [{ clusterTrustBundle: { signerName: 'example.com/pods', labelSelector: {}, path: 'a' } }, []],
    [
      { clusterTrustBundle: { path: 'a' } },
      [`${at}.clusterTrustBundle: Required value: either name or signerName must be specified`],
    ],
    [
      { clusterTrustBundle: { name: 'roots', path: '../a' } },
      [`${at}.clusterTrustBundle.path: Invalid value: "../a": must not contain '..'`],
    ],
    [{ podCertificate: certificate }, []],
    [
      { podCertificate: { ...certificate, keyType: 'RSA1024' } },
      [
        `${at}.podCertificate.keyType: Unsupported value: "RSA1024": supported values: "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096"`,
      ],
    ],
    [
      { podCertificate: { ...certificate, credentialBundlePath: '' } },
      [
        `${at}.podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath`,
      ],
    ],
    [
      { podCertificate: { ...certificate, keyPath: 'b.pem' } },
      ['spec.volumes[0].projected: Invalid value: "b.pem": conflicting duplicate paths'],
    ],
    [
      { podCertificate: { ...certificate, signerName: 'none' } },
      [
        `${at}.podCertificate.signerName: Invalid value: "none": must be a fully qualified domain and path of the form "example.com/signer-name"`,
      ],
    ],
  ];
  for (const [one, expected] of rows) assert.deepEqual(createErrors('core/v1.Pod', source(one)), expected);
});

test('what priority and fairness cannot do without is as it is, but for the shares of the exempt level', () => {
  const level = (name: string, spec: object) =>
    createErrors('flowcontrol/v1.PriorityLevelConfiguration', { metadata: { name }, spec });
  const limited = { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' } };
  assert.deepEqual(level('catch-all', { type: 'Limited', limited }), []);
  assert.deepEqual(level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 7 } }), []);
  assert.match(
    level('catch-all', { type: 'Limited', limited: { ...limited, nominalConcurrencyShares: 6 } }).join(),
    /^spec: Invalid value: \{.*\}: spec of 'catch-all' must equal the fixed value$/,
  );
  const group = (name: string) => ({ kind: 'Group', group: { name } });
  const rule = {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  };
  const exempt = (...subjects: object[]) =>
    createErrors('flowcontrol/v1.FlowSchema', {
      metadata: { name: 'exempt' },
      spec: {
        priorityLevelConfiguration: { name: 'exempt' },
        matchingPrecedence: 1,
        rules: [{ subjects, ...rule }],
      },
    });
  assert.deepEqual(exempt(group('system:masters')), []);
  assert.match(
    exempt(group('system:masters'), group('friends')).join(),
    /spec of 'exempt' must equal the fixed value$/,
  );
});

test('updates of Events through events.k8s.io may only tell of a series', () => {
  const event = {
    metadata: { name: 'e', namespace: 'default' },
    ...{ eventTime: '2026-01-01T00:00:00.000001Z', reportingController: 'c', reportingInstance: 'c-1' },
    ...{ action: 'Do', reason: 'Test', type: 'Normal', note: 'n', regarding: { namespace: 'default' } },
  };
  const errors = (now: Loose) => updateErrors('events/v1.Event', { ...event, ...now }, event);
  assert.deepEqual(errors({ series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } }), []);
  assert.deepEqual(errors({ series: { count: 1, lastObservedTime: '2026-01-01T00:00:01.000000Z' } }), [
    'series.count: Invalid value: "": should be at least 2',
  ]);
  assert.deepEqual(errors({ note: 'm', reportingController: 'd' }), [
    'message: Invalid value: "m": field is immutable',
    'reportingController: Invalid value: "d": field is immutable',
  ]);
});

test('claims of devices are refused as kube-apiserver refuses them', () => {
  const meta = { name: 'c', namespace: 'default' };
  const claim = (devices: Loose) => createErrors('resource/v1.ResourceClaim', { metadata: meta, spec: { devices } });
  const gpu = { name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } };
  assert.deepEqual(claim({ requests: [gpu], constraints: [{ matchAttribute: 'gpu.example.com/numa' }] }), []);
  assert.deepEqual(claim({ requests: [gpu, gpu] }), ['spec.devices.requests[1]: Duplicate value: "gpu"']);
  assert.deepEqual(claim({ requests: [{ name: 'gpu' }] }), [
    'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
  ]);
  assert.deepEqual(
    claim({
      requests: [{ name: 'gpu', exactly: { deviceClassName: '', allocationMode: 'All', count: 2, selectors: [{}] } }],
      constraints: [{ requests: ['none'], matchAttribute: 'numa' }],
      config: [{ opaque: { driver: 'd', parameters: [] } }],
    }),
    [
      'spec.devices.requests[0].exactly.deviceClassName: Required value',
      'spec.devices.requests[0].exactly.selectors[0].cel: Required value',
      "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
      `spec.devices.constraints[0].requests[0]: Invalid value: "none": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
      'spec.devices.constraints[0].matchAttribute: Invalid value: "numa": a fully qualified name must be a domain and a name separated by a slash',
      'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
  );
  const old = { metadata: meta, spec: { devices: { requests: [gpu] } } };
  assert.match(
    updateErrors('resource/v1.ResourceClaim', { ...old, spec: {} }, old).join(),
    /^spec: .*field is immutable/,
  );
});

test('slices of devices are refused as kube-apiserver refuses them', () => {
  const pool = { name: 'a', generation: 1, resourceSliceCount: 1 };
  const spec = { driver: 'gpu.example.com', pool, nodeName: 'n' };
  const slice = (more: Loose) =>
    createErrors('resource/v1.ResourceSlice', { metadata: { name: 's' }, spec: { ...spec, ...more } });
  const device = (more: Loose) => slice({ devices: [{ name: 'd', ...more }] });
  assert.deepEqual(device({ attributes: { numa: { int: 1 }, 'x.example.com/v': { version: '1.2.3' } } }), []);
  assert.deepEqual(slice({ allNodes: true }), [
    'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
  ]);
  assert.deepEqual(device({ attributes: { v: { version: '1.2' }, 'a b': { string: 's', bool: true } } }), [
    `spec.devices[0].attributes: Invalid value: "a b": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')`,
    'spec.devices[0].attributes[a b]: Invalid value: {"bool":true,"string":"s"}: exactly one value must be specified',
    'spec.devices[0].attributes[v].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0',
  ]);
  assert.deepEqual(device({ taints: [{ key: 'k', effect: 'Maybe' }], nodeName: 'm' }), [
    'spec.devices[0].taints[0].effect: Unsupported value: "Maybe": supported values: "NoExecute", "NoSchedule", "None"',
    'spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
  ]);
  const shared = (requestPolicy: Loose) =>
    device({ allowMultipleAllocations: true, capacity: { memory: { value: '10Gi', requestPolicy } } });
  assert.deepEqual(shared({ default: '1Gi', validRange: { min: '1Gi', step: '1Gi' } }), []);
  assert.deepEqual(shared({ default: '3Gi', validValues: ['1Gi', '20Gi'] }), [
    'spec.devices[0].capacity[memory].requestPolicy.validValues[1]: Invalid value: "20Gi": option is larger than capacity value: 10Gi',
    'spec.devices[0].capacity[memory].requestPolicy.validValues: Invalid value: "3Gi": default value is not valid according to the requestPolicy',
  ]);
});
