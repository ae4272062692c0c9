import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { admissionExpressions } from '../admission/expressions.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';
import { mutatingPolicies } from './mutating-policies.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const rules = [{ apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'], operations: ['CREATE'] }];

const deployment = (name: string, labels: object = {}, more: object = {}) => ({
  metadata: { name, labels },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'a', image: 'a' }], ...more },
    },
  },
});

describe('mutating admission policies', () => {
  let api: TestServer;
  before(async () => {
    const authorizer = { authorize: async () => ({ allowed: true, reason: '' }) };
    api = await startTestServer({
      admission: (core) => [mutatingPolicies({ ...core, authorizer }), admissionExpressions],
    });
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'default', labels: { team: 'red' } } });
  });
  after(() => api.server.stop());

  /** Installs a policy that is only for objects with the label that it is named after. */
  async function install(name: string, mutations: object[], spec: object = {}, binding: object = {}) {
    const created = await api.call('POST', `${group}/mutatingadmissionpolicies`, {
      metadata: { name },
      spec: {
        matchConstraints: { resourceRules: rules, objectSelector: { matchLabels: { policy: name } } },
        mutations,
        reinvocationPolicy: 'Never',
        ...spec,
      },
    });
    if (created.status === 201)
      await api.call('POST', `${group}/mutatingadmissionpolicybindings`, {
        metadata: { name },
        spec: { policyName: name, ...binding },
      });
    return created;
  }
  const configure = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } });
  const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });
  const create = (name: string, policy: string, more?: object) =>
    api.call('POST', deployments, deployment(name, { policy }, more));

  it('merges configurations, lists by their keys', async () => {
    const expression = `Object{
      metadata: Object.metadata{labels: {"team": namespaceObject.metadata.labels.team, "n": string(variables.n)}},
      spec: Object.spec{
        ?replicas: object.spec.replicas > 5 ? optional.none() : optional.of(variables.n),
        template: Object.spec.template{spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: "b", image: "b"}]
        }}
      }
    }`;
    const variables = [{ name: 'n', expression: 'object.spec.replicas + 2' }];
    const { status, body: policy } = await install('merge', [configure(expression)], { variables });
    assert.equal(status, 201, policy.message);
    const { body } = await create('merge', 'merge');
    assert.equal(body.spec.replicas, 3);
    assert.deepEqual(body.metadata.labels, { policy: 'merge', team: 'red', n: '3' });
    assert.deepEqual(
      body.spec.template.spec.containers.map(({ name }: { name: string }) => name),
      ['b', 'a'].sort((a, b) => (a < b ? -1 : 1)),
    );
  });

  it('applies JSON patches; a test that fails leaves the object alone', async () => {
    await install('patch', [
      patch(
        `[JSONPatch{op: "test", path: "/spec/replicas", value: 1}, JSONPatch{op: "replace", path: "/spec/replicas", value: 4}]`,
      ),
      patch(
        `[JSONPatch{op: "test", path: "/spec/replicas", value: 99}, JSONPatch{op: "replace", path: "/spec/replicas", value: 5}]`,
      ),
      patch(`[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/a"), value: "yes"}]`),
      patch(
        `[JSONPatch{op: "add", path: "/spec/template/spec/securityContext", value: Object.spec.template.spec.securityContext{runAsUser: 5}}]`,
      ),
    ]);
    const { body } = await create('patch', 'patch');
    assert.equal(body.spec.replicas, 4);
    assert.equal(body.metadata.labels['example.com/a'], 'yes');
    assert.deepEqual(body.spec.template.spec.securityContext, { runAsUser: 5 });
  });

  it('lets pass what conditions and selectors leave out', async () => {
    await install('never', [configure('Object{spec: Object.spec{replicas: 9}}')], {
      matchConditions: [{ name: 'no', expression: 'object.spec.replicas > 1' }],
    });
    assert.equal((await create('never', 'never')).body.spec.replicas, 1);
    assert.equal((await create('other', 'none')).body.spec.replicas, 1);
  });

  it('takes parameters', async () => {
    await api.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'p' }, data: { n: '7' } });
    const spec = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } };
    const paramRef = { name: 'p', parameterNotFoundAction: 'Deny' };
    await install('params', [configure('Object{spec: Object.spec{replicas: int(params.data.n)}}')], spec, { paramRef });
    assert.equal((await create('params', 'params')).body.spec.replicas, 7);
    await api.call('DELETE', '/api/v1/namespaces/default/configmaps/p');
    const { status, body } = await create('params2', 'params');
    assert.equal(status, 403);
    assert.equal(
      body.message,
      "policy 'params' with binding 'params' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    );
  });

  it('asks a policy again that others have changed something after', async () => {
    const again = { reinvocationPolicy: 'IfNeeded' };
    const all = { matchConstraints: { resourceRules: rules, objectSelector: { matchLabels: { policy: 'again' } } } };
    const count = 'Object{metadata: Object.metadata{annotations: {"seen": string(object.spec.replicas)}}}';
    await install('again-a', [configure(count)], { ...all, ...again });
    await install('again-b', [configure('Object{spec: Object.spec{replicas: 6}}')], all);
    const { body } = await create('again', 'again');
    assert.equal(body.spec.replicas, 6);
    assert.equal(body.metadata.annotations.seen, '6');
  });

  it('refuses where a mutation fails, unless its failure is to be ignored', async () => {
    const failing = configure('Object{spec: Object.spec{replicas: object.spec.missing}}');
    await install('fails', [failing]);
    await install('ignored', [failing, configure('Object{spec: Object.spec{replicas: 2}}')], {
      failurePolicy: 'Ignore',
    });
    const { body } = await create('fails', 'fails');
    assert.equal(
      body.message,
      "policy 'fails' with binding 'fails' denied request: expression 'Object{spec: Object.spec{replicas: object.spec.missing}}' resulted in error: no such key: missing",
    );
    assert.equal((await create('ignored', 'ignored')).body.spec.replicas, 2);
  });

  it('never replaces what has one owner, nor mixes up types', async () => {
    await install('atomic', [
      configure('Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"a": "b"}}}}'),
    ]);
    assert.match(
      (await create('atomic', 'atomic')).body.message,
      /error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: \.spec\.selector$/,
    );
    await install('mixed', [configure('Object{spec: Object.spec{template: Object.spec.wrong{}}}')]);
    assert.match(
      (await create('mixed', 'mixed')).body.message,
      /type mismatch: unexpected type name "Object.spec.wrong", expected "Object.spec.template", which matches field name path from root Object type$/,
    );
  });

  it('refuses policies whose expressions do not compile', async () => {
    const message = async (mutation: object, spec: object = {}) =>
      (await install('bad', [mutation], spec)).body.message;
    assert.match(
      await message(configure('Object{spec: Object.spec{replicas: nobody}}')),
      /spec.mutations\[0\].applyConfiguration.expression: Invalid value: "Object\{spec: Object.spec\{replicas: nobody\}\}": compilation failed: ERROR: <input>:1:36: undeclared reference to 'nobody' \(in container ''\)\n \| Object\{spec: Object.spec\{replicas: nobody\}\}\n \| \.{35}\^$/,
    );
    assert.match(await message(configure('{"a": 1}')), /must evaluate to Object$/);
    assert.match(
      await message(configure('Object{} '), { variables: [{ name: 'x', expression: 'y' }] }),
      /spec.variables\[0\].expression: Invalid value: "y"/,
    );
    assert.match(
      await message({ patchType: 'Merge' }),
      /spec.mutations\[0\].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"/,
    );
    assert.match(
      await message({ patchType: 'JSONPatch' }),
      /spec.mutations\[0\].jsonPatch: Required value: must be specified when patchType is JSONPatch/,
    );
  });
});
