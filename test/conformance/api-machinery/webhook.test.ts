import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe } from 'node:test';
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../../src/api/generated/admissionregistration-v1.ts';
import type { ConfigMap } from '../../../src/api/generated/core-v1.ts';
import { namespaces, pods } from '../../../src/api/resource.ts';
import { discovers } from '../fixture/api-operations.ts';
import { type ConformanceCluster, startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { anything, crds, establish, placeOf, randomDefinition } from '../fixture/custom-resources.ts';
import { type Objects, refused } from '../fixture/kube.ts';
import { testhost } from '../fixture/testhost-image.ts';
import {
  mutatingConfigurations,
  rule,
  validatingConfigurations,
  WebhookTest,
} from '../fixture/webhook/configurations.ts';
import { type DeployedWebhook, deployWebhook } from '../fixture/webhook/deploy.ts';

let suite: ConformanceCluster;
let webhook: DeployedWebhook;
before(async () => {
  suite = await startConformanceCluster();
  webhook = await deployWebhook(suite.kube, await suite.kube.namespace('webhook-server'));
});
after(() => suite?.cluster.delete());
const start = () => WebhookTest.start(suite.kube, webhook);

const disallowed = { 'webhook-e2e-test': 'webhook-disallow' };
const toBeMutated = { 'mutation-start': 'yes' };
const container = (name: string) => ({ name, image: testhost });
const unwanted = /the configmap contains unwanted key and value/;

const randomConfigMap = (data: Record<string, string>) => ({ metadata: { name: randomUUID() }, data });

/** Tries until a ConfigMap is created, or denied. */
async function untilDenied(configMaps: Objects<ConfigMap>, denied: boolean): Promise<void> {
  for (;;) {
    const map = randomConfigMap(disallowed);
    try {
      await configMaps.create(map);
    } catch (error) {
      assert.match(String(error), /denied/);
      if (denied) return;
      continue;
    }
    await configMaps.delete(map.metadata.name);
    if (!denied) return;
  }
}

/** Tries until a ConfigMap is mutated, or left as it is. */
async function untilMutated(configMaps: Objects<ConfigMap>, mutated: boolean): Promise<void> {
  for (;;) {
    const created = await configMaps.create(randomConfigMap(toBeMutated));
    await configMaps.delete(created.metadata.name);
    if ('mutation-stage-1' in (created.data ?? {}) === mutated) return;
  }
}

const onlyFor = (operation: string) => [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: [operation] }];

describe('admission webhooks', { concurrency: 6 }, () => {
  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents',
    () =>
      discovers(suite.kube, 'admissionregistration.k8s.io', 'v1', [
        'mutatingwebhookconfigurations',
        'validatingwebhookconfigurations',
      ]),
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation',
    async () => {
      const test = await start();
      const { kube, namespace } = test;
      const failOpen = test.hook('fail-open.k8s.io', '', [rule(['CREATE'], 'configmaps')], {
        clientConfig: webhook.unreachable('/configmaps'),
        failurePolicy: 'Ignore',
      });
      await test.register(validatingConfigurations, [
        { ...test.denyPods(), timeoutSeconds: 2 },
        test.denyConfigMaps(),
        failOpen,
      ]);
      const ownPods = kube.of(pods, namespace);
      const pod = { metadata: { name: 'disallowed-pod', labels: disallowed } };
      const denied = await refused(
        ownPods.create({ ...pod, spec: { containers: [container('webhook-disallow')] } }),
        403,
      );
      assert.match(denied.message, /the pod contains unwanted container name/);
      assert.match(denied.message, /the pod contains unwanted label/);

      const hanging = { metadata: { name: 'hanging-pod', labels: { 'webhook-e2e-test': 'wait-forever' } } };
      const hung = await refused(
        ownPods.create({ ...hanging, spec: { containers: [container('wait-forever')] } }),
        500,
      );
      assert.match(hung.message, /webhook/);
      assert.match(hung.message, /deadline/);
      await refused(ownPods.get('hanging-pod'), 404);

      const configMaps = test.configMaps();
      await refused(configMaps.create({ metadata: { name: 'disallowed' }, data: disallowed }), 403, unwanted);
      await configMaps.create({ metadata: { name: 'allowed' }, data: { admit: 'this' } });
      await refused(
        configMaps.change('allowed', (map) => {
          map.data = { ...map.data, ...disallowed };
        }),
        403,
        unwanted,
      );
      await refused(configMaps.patch('allowed', 'strategic', { data: disallowed }), 403, unwanted);

      const labels = { 'skip-webhook-admission': 'yes', [test.label]: 'true' };
      const exempted = await kube.namespace('exempted', labels);
      await kube.of(configMaps.resource, exempted).create({ metadata: { name: 'disallowed' }, data: disallowed });
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod',
    async () => {
      const test = await start();
      const { kube, namespace } = test;
      await test.register(validatingConfigurations, [
        test.hook('deny-attaching-pod.k8s.io', '/pods/attach', [rule(['CONNECT'], 'pods/attach')]),
      ]);
      const ownPods = kube.of(pods, namespace);
      const spec = { terminationGracePeriodSeconds: 0, containers: [container('container1')] };
      await ownPods.create({ metadata: { name: 'to-be-attached-pod' }, spec });
      await ownPods.until('to-be-attached-pod', (pod) => pod?.status?.phase === 'Running');
      const said = await suite.cluster.kubectlFails(`attach -n ${namespace} to-be-attached-pod -i -c=container1`);
      assert.match(said, /attaching to pod 'to-be-attached-pod' is not allowed/);
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion',
    async () => {
      const test = await start();
      const { kube, namespace } = test;
      const crd = await establish(kube, randomDefinition({ scope: 'Namespaced' }));
      const { group, names } = crd.spec;
      await test.register(validatingConfigurations, [
        test.hook('deny-unwanted-custom-resource-data.k8s.io', '/custom-resource', [
          rule(['CREATE', 'UPDATE', 'DELETE'], names.plural, group, ['v1beta1']),
        ]),
      ]);
      const objects = kube.of(placeOf(crd), namespace);
      const contains = /the custom resource contains unwanted data/;
      const make = (name: string, data: object) => objects.create({ kind: names.kind, metadata: { name }, data });
      await refused(make('cr-instance-1', disallowed), 403, contains);
      await make('cr-instance-2', { 'webhook-e2e-test': 'webhook-nondeletable' });
      await refused(
        objects.change('cr-instance-2', (object) => Object.assign(object, { data: disallowed })),
        403,
        contains,
      );
      await refused(
        objects.delete('cr-instance-2'),
        403,
        /the custom resource cannot be deleted because it contains unwanted key and value/,
      );
      const allowed = { 'webhook-e2e-test': 'webhook-allow' };
      await objects.change('cr-instance-2', (object) => Object.assign(object, { data: allowed }));
      await objects.delete('cr-instance-2');
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook',
    async () => {
      const test = await start();
      const label = { 'fail-closed-webhook': 'yes' };
      await test.register(validatingConfigurations, [
        test.hook('fail-closed.k8s.io', '', [rule(['CREATE'], 'configmaps')], {
          clientConfig: webhook.unreachable('/configmaps'),
          failurePolicy: 'Fail',
          namespaceSelector: {
            ...test.selector,
            matchExpressions: [{ key: 'fail-closed-webhook', operator: 'In', values: ['yes'] }],
          },
        }),
      ]);
      const { metadata } = await suite.kube.of(namespaces).create({
        metadata: { generateName: 'fail-closed-', labels: { ...label, [test.label]: 'true' } },
      });
      const configMaps = suite.kube.of(test.configMaps().resource, metadata.name);
      const refusal = await refused(configMaps.create({ metadata: { name: 'foo' } }), 500);
      assert.equal(refusal.status.reason, 'InternalError');
    },
  );

  conformance('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap', async () => {
    const test = await start();
    await test.register(mutatingConfigurations, [test.mutateConfigMaps(1), test.mutateConfigMaps(2)]);
    const { data } = await test.configMaps().create({ metadata: { name: 'to-be-mutated' }, data: toBeMutated });
    assert.deepEqual(data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
  });

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation',
    async () => {
      const test = await start();
      await test.register(mutatingConfigurations, [
        test.hook('adding-init-container.k8s.io', '/mutating-pods', [rule(['CREATE'], 'pods')]),
      ]);
      const { spec } = await suite.kube.of(pods, test.namespace).create({
        metadata: { name: 'webhook-to-be-mutated' },
        spec: { containers: [container('example')] },
      });
      assert.equal(spec?.initContainers?.length, 1);
      assert.equal(spec.initContainers[0]!.name, 'webhook-added-init-container');
      assert.equal(spec.initContainers[0]!.terminationMessagePolicy, 'File');
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects',
    async () => {
      const test = await start();
      const both = ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'];
      const rules = (operation: 'CREATE' | 'DELETE') =>
        both.map((resource) => rule([operation], resource, 'admissionregistration.k8s.io', ['*']));
      const name = `${test.label}-blocking`;
      await test.register(
        validatingConfigurations,
        [test.hook('deny-webhook-configuration-deletions.k8s.io', '/always-deny', rules('DELETE'))],
        { name },
      );
      await test.register(
        mutatingConfigurations,
        [test.hook('add-label-to-webhook-configurations.k8s.io', '/add-label', rules('CREATE'))],
        { name },
      );
      const dummy = test.hook('dummy-webhook.k8s.io', '', [rule(['CREATE'], 'invalid')], {
        clientConfig: webhook.unreachable(''),
        failurePolicy: 'Ignore',
      });
      for (const kind of [validatingConfigurations, mutatingConfigurations]) {
        const created = await test.register(kind, [dummy]);
        assert.equal(created.metadata.labels?.['added-label'], undefined);
        await suite.kube.of(kind).delete(test.label);
      }
      for (const kind of [validatingConfigurations, mutatingConfigurations]) await suite.kube.of(kind).delete(name);
    },
  );

  const mutateCustom = (test: WebhookTest, group: string, plural: string, versions: string[]) =>
    test.register(mutatingConfigurations, [
      test.hook('mutate-custom-resource-data-stage-1.k8s.io', '/mutating-custom-resource', [
        rule(['CREATE', 'UPDATE'], plural, group, versions),
      ]),
      test.hook('mutate-custom-resource-data-stage-2.k8s.io', '/mutating-custom-resource', [
        rule(['CREATE'], plural, group, versions),
      ]),
    ]);

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource',
    async () => {
      const test = await start();
      const crd = await establish(suite.kube, randomDefinition({ scope: 'Namespaced' }));
      await mutateCustom(test, crd.spec.group, crd.spec.names.plural, ['v1beta1']);
      const created = await suite.kube
        .of(placeOf(crd), test.namespace)
        .create({ kind: crd.spec.names.kind, metadata: { name: 'cr-instance-1' }, data: toBeMutated });
      assert.deepEqual(created.data, {
        'mutation-start': 'yes',
        'mutation-stage-1': 'yes',
        'mutation-stage-2': 'yes',
      });
    },
  );

  conformance('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation', async () => {
    const test = await start();
    await test.register(validatingConfigurations, [
      test.hook(
        'deny-crd-with-unwanted-label.k8s.io',
        '/crd',
        [rule(['CREATE'], 'customresourcedefinitions', 'apiextensions.k8s.io', ['*'])],
        { namespaceSelector: {}, objectSelector: test.selector },
      ),
    ]);
    const definition = randomDefinition({ scope: 'Namespaced' });
    definition.metadata!.labels = { [test.label]: 'true', ...disallowed };
    await refused(suite.kube.of(crds).create(definition), 403, /the crd contains unwanted label/);
  });

  const versionsWith = (stored: string, schema: object = anything) =>
    ['v1', 'v2'].map((name) => ({ name, served: true, storage: name === stored, schema: { openAPIV3Schema: schema } }));

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version',
    async () => {
      const test = await start();
      const { kube, namespace } = test;
      const crd = await establish(kube, randomDefinition({ scope: 'Namespaced', versions: versionsWith('v1') }));
      await mutateCustom(test, crd.spec.group, crd.spec.names.plural, ['v1', 'v2']);
      const metadata = { name: 'cr-instance-1' };
      await kube.of(placeOf(crd, 'v1'), namespace).create({ kind: crd.spec.names.kind, metadata, data: toBeMutated });
      await kube.of(crds).patch(crd.metadata.name, 'merge', { spec: { versions: versionsWith('v2') } });
      const patch = [{ op: 'add', path: '/dummy', value: 'test' }];
      const patched = await kube.of(placeOf(crd, 'v2'), namespace).patch('cr-instance-1', 'json', patch);
      assert.deepEqual(patched.data, {
        'mutation-start': 'yes',
        'mutation-stage-1': 'yes',
        'mutation-stage-2': 'yes',
      });
      assert.equal(patched.dummy, 'test');
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning',
    async () => {
      const test = await start();
      const string = { type: 'string' };
      const properties = { 'mutation-start': string, 'mutation-stage-1': string };
      const schema = { type: 'object', properties: { data: { type: 'object', properties } } };
      const versions = versionsWith('v1', schema);
      const crd = await establish(suite.kube, randomDefinition({ scope: 'Namespaced', versions }));
      await mutateCustom(test, crd.spec.group, crd.spec.names.plural, ['v1', 'v2']);
      const created = await suite.kube
        .of(placeOf(crd, 'v1'), test.namespace)
        .create({ kind: crd.spec.names.kind, metadata: { name: 'cr-instance-1' }, data: toBeMutated });
      assert.deepEqual(created.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
    },
  );

  conformance('[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout', async () => {
    const test = await start();
    const configMaps = test.configMaps();
    const name = 'e2e-test-slow-webhook-configmap';
    const withWebhook = async (more: object, check: () => Promise<void>) => {
      await test.register(validatingConfigurations, [
        test.hook(
          'allow-configmap-with-delay-webhook.k8s.io',
          '/always-allow-delay-5s',
          [rule(['CREATE'], 'configmaps')],
          more,
        ),
      ]);
      await check();
      await suite.kube.of(validatingConfigurations).delete(test.label);
    };
    const succeeds = async () => {
      await configMaps.create({ metadata: { name } });
      await configMaps.delete(name);
    };
    await withWebhook({ failurePolicy: 'Fail', timeoutSeconds: 1 }, async () => {
      const refusal = await refused(configMaps.create({ metadata: { name } }), 500);
      assert.match(refusal.message, /context deadline exceeded|timeout/);
      assert.match(refusal.message, /\/always-allow-delay-5s\?timeout=1s/);
    });
    await withWebhook({ failurePolicy: 'Ignore', timeoutSeconds: 1 }, succeeds);
    await withWebhook({ failurePolicy: 'Fail', timeoutSeconds: 10 }, succeeds);
    await withWebhook({ failurePolicy: 'Fail' }, succeeds);
  });

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work',
    async () => {
      const test = await start();
      await test.register(validatingConfigurations, [test.denyConfigMaps()]);
      const configurations = suite.kube.of(validatingConfigurations);
      await untilDenied(test.configMaps(), true);
      await configurations.change(test.label, ({ webhooks }) => {
        webhooks![0]!.rules![0]!.operations = ['UPDATE'];
      });
      await untilDenied(test.configMaps(), false);
      await configurations.patch(test.label, 'json', onlyFor('CREATE'));
      await untilDenied(test.configMaps(), true);
    },
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work',
    async () => {
      const test = await start();
      await test.register(mutatingConfigurations, [test.mutateConfigMaps(1)]);
      const configurations = suite.kube.of(mutatingConfigurations);
      await configurations.change(test.label, ({ webhooks }) => {
        webhooks![0]!.rules![0]!.operations = ['UPDATE'];
      });
      await untilMutated(test.configMaps(), false);
      await configurations.patch(test.label, 'json', onlyFor('CREATE'));
      await untilMutated(test.configMaps(), true);
    },
  );

  /** Ten configurations with a label, listed and deleted by it. */
  async function listing(
    kind: typeof validatingConfigurations | typeof mutatingConfigurations,
    webhookOf: (test: WebhookTest) => ReturnType<WebhookTest['hook']>,
    until: (configMaps: Objects<ConfigMap>, inForce: boolean) => Promise<void>,
  ): Promise<void> {
    const test = await start();
    const id = randomUUID();
    for (let i = 0; i < 10; i++)
      await test.register(kind, [webhookOf(test)], {
        name: `${test.label}-${i}`,
        labels: { 'e2e-list-test-uuid': id },
      });
    const configurations = suite.kube.of(kind as typeof mutatingConfigurations);
    const labelSelector = `e2e-list-test-uuid=${id}`;
    assert.equal((await configurations.list({ labelSelector })).items.length, 10);
    await until(test.configMaps(), true);
    await configurations.deleteCollection({ labelSelector });
    await until(test.configMaps(), false);
  }

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work',
    () => listing(validatingConfigurations, (test) => test.denyConfigMaps(), untilDenied),
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work',
    () => listing(mutatingConfigurations, (test) => test.mutateConfigMaps(1), untilMutated),
  );

  const condition = (n: number, expression: string) => ({ name: `expression-${n}`, expression });
  const production = condition(1, "object.metadata.namespace == 'production'");
  const staging = condition(2, "object.metadata.namespace == 'staging'");
  type Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration;

  /** Match conditions are kept as they were written, and as they were updated. */
  async function keepsConditions(
    kind: typeof validatingConfigurations | typeof mutatingConfigurations,
    path: string,
  ): Promise<void> {
    const test = await start();
    const hook = test.hook('webhook-with-match-conditions.k8s.io', path, [rule(['CREATE'], 'configmaps')]);
    await test.register(kind, [{ ...hook, matchConditions: [production] }]);
    const configurations = suite.kube.of(kind as typeof mutatingConfigurations);
    const conditionsOf = ({ webhooks }: Configuration) => webhooks?.[0]?.matchConditions;
    assert.deepEqual(conditionsOf(await configurations.get(test.label)), [production]);
    await configurations.change(test.label, ({ webhooks }) => {
      webhooks![0]!.matchConditions = [production, staging];
    });
    assert.deepEqual(conditionsOf(await configurations.get(test.label)), [production, staging]);
  }

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions',
    () => keepsConditions(validatingConfigurations, '/always-deny'),
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions',
    () => keepsConditions(mutatingConfigurations, '/mutating-configmaps'),
  );

  async function refusesBadConditions(
    kind: typeof validatingConfigurations | typeof mutatingConfigurations,
    path: string,
  ): Promise<void> {
    const test = await start();
    const hook = test.hook('webhook-with-match-conditions.k8s.io', path, [rule(['CREATE'], 'configmaps')]);
    const matchConditions = [{ name: 'invalid-expression-1', expression: '... [] bad expression' }];
    await refused(test.register(kind, [{ ...hook, matchConditions }]), 422, /compilation failed/);
  }

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions',
    () => refusesBadConditions(validatingConfigurations, '/always-deny'),
  );

  conformance(
    '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions',
    () => refusesBadConditions(mutatingConfigurations, '/mutating-configmaps'),
  );

  conformance(
    "[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps",
    async () => {
      const test = await start();
      const matchConditions = [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }];
      await test.register(mutatingConfigurations, [test.mutateConfigMaps(1, { matchConditions })]);
      const mutated = await test.configMaps().create(randomConfigMap(toBeMutated));
      assert.deepEqual(mutated.data, { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
      const skipped = await test.configMaps().create({ metadata: { name: 'skip-me' }, data: toBeMutated });
      assert.deepEqual(skipped.data, toBeMutated);
    },
  );
});
