import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from './decode.ts';
import { applyDefaults } from './defaults.ts';

const defaulted = (type: string, value: unknown) =>
  applyDefaults(type, decodeObject(type, value).object) as unknown as Record<string, unknown>;

test('a minimal Deployment gets the defaults of kubernetes', () => {
  const { spec } = defaulted('apps/v1.Deployment', {
    metadata: { name: 'httpd' },
    spec: {
      selector: { matchLabels: { app: 'httpd' } },
      template: {
        metadata: { labels: { app: 'httpd' } },
        spec: { containers: [{ name: 'httpd', image: 'httpd', ports: [{ containerPort: 80 }] }] },
      },
    },
  });
  assert.deepEqual(spec, {
    replicas: 1,
    selector: { matchLabels: { app: 'httpd' } },
    template: {
      metadata: { labels: { app: 'httpd' } },
      spec: {
        containers: [
          {
            name: 'httpd',
            image: 'httpd',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            imagePullPolicy: 'Always',
          },
        ],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        securityContext: {},
        schedulerName: 'default-scheduler',
      },
    },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
});

test('the pull policy follows the tag', () => {
  const rows: [string, string][] = [
    ['httpd', 'Always'],
    ['httpd:latest', 'Always'],
    ['httpd:2.4', 'IfNotPresent'],
    ['registry:5000/httpd', 'Always'],
    ['registry:5000/httpd:2', 'IfNotPresent'],
    ['httpd@sha256:0123', 'IfNotPresent'],
  ];
  for (const [image, policy] of rows) {
    const pod = defaulted('core/v1.Pod', { metadata: { name: 'a' }, spec: { containers: [{ name: 'c', image }] } });
    const { containers } = pod.spec as { containers: { imagePullPolicy: string }[] };
    assert.equal(containers[0]?.imagePullPolicy, policy, image);
  }
});

test('a Pod gets what templates do not', () => {
  const pod = defaulted('core/v1.Pod', {
    metadata: { name: 'a' },
    spec: {
      hostNetwork: true,
      containers: [
        {
          name: 'c',
          image: 'x:1',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
          livenessProbe: { httpGet: { port: 80 } },
          env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        },
      ],
      volumes: [{ name: 'e' }, { name: 's', secret: { secretName: 'x' } }, { name: 'h', hostPath: { path: '/x' } }],
    },
  });
  const spec = pod.spec as { containers: Record<string, unknown>[]; volumes: unknown[]; enableServiceLinks: boolean };
  const container = spec.containers[0] as Record<string, unknown>;
  assert.deepEqual(container.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '500m', memory: '1Gi' },
  });
  assert.deepEqual(container.ports, [{ hostPort: 80, containerPort: 80, protocol: 'TCP' }]);
  assert.deepEqual(container.livenessProbe, {
    httpGet: { path: '/', port: 80, scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(container.env, [
    { name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
  ]);
  assert.equal(spec.enableServiceLinks, true);
  assert.deepEqual(spec.volumes, [
    { name: 'e', emptyDir: {} },
    { name: 's', secret: { secretName: 'x', defaultMode: 420 } },
    { name: 'h', hostPath: { path: '/x', type: '' } },
  ]);
});

test('Services, Secrets, Namespaces and bindings get theirs', () => {
  const service = defaulted('core/v1.Service', {
    metadata: { name: 'a' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  });
  assert.deepEqual(service.spec, {
    ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }],
    type: 'LoadBalancer',
    sessionAffinity: 'None',
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true,
  });
  const secret = defaulted('core/v1.Secret', { metadata: { name: 'a' }, stringData: { a: 'b' } });
  assert.deepEqual([secret.type, secret.data, secret.stringData], ['Opaque', { a: 'Yg==' }, undefined]);
  const namespace = defaulted('core/v1.Namespace', { metadata: { name: 'a' } });
  assert.deepEqual(namespace.metadata, { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } });
  const binding = defaulted('rbac/v1.RoleBinding', {
    metadata: { name: 'a' },
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', name: 's' },
    ],
  });
  assert.deepEqual(binding.roleRef, { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' });
  assert.deepEqual(binding.subjects, [
    { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'u' },
    { kind: 'ServiceAccount', name: 's' },
  ]);
});

test('defaulting twice changes nothing', () => {
  const value = { metadata: { name: 'a' }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  const once = defaulted('core/v1.Pod', value);
  assert.deepEqual(defaulted('core/v1.Pod', structuredClone(once)), once);
});
