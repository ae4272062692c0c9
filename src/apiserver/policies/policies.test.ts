import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestServer, type TestServer } from '../testing/start-server.ts';
import { validatingPolicies } from './validating-policies.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';
const rules = [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE', 'UPDATE'] }];

const policy = {
  metadata: { name: 'sizes' },
  spec: {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConstraints: { resourceRules: rules },
    matchConditions: [
      { name: 'marked', expression: "has(object.metadata.labels) && object.metadata.labels.check == 'yes'" },
    ],
    variables: [{ name: 'size', expression: 'size(object.data)' }],
    validations: [
      {
        expression: 'variables.size <= int(params.data.max)',
        messageExpression: "'at most ' + params.data.max + ' keys, not ' + string(variables.size)",
      },
      { expression: "authorizer.group('').resource('pods').namespace('default').check('get').allowed()" },
      { expression: '!has(object.data.bad) || object.data.missing == "x"', reason: 'Forbidden' },
    ],
  },
};

describe('validating admission policies', () => {
  let api: TestServer;
  before(async () => {
    const authorizer = { authorize: async () => ({ allowed: true, reason: '' }) };
    api = await startTestServer({ admission: (core) => [validatingPolicies({ ...core, authorizer })] });
    await api.call('POST', configMaps, { metadata: { name: 'limits' }, data: { max: '2' } });
    assert.equal((await api.call('POST', `${group}/validatingadmissionpolicies`, policy)).status, 201);
    const bind = (name: string, validationActions: string[]) =>
      api.call('POST', `${group}/validatingadmissionpolicybindings`, {
        metadata: { name },
        spec: { policyName: 'sizes', validationActions, paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } },
      });
    assert.equal((await bind('deny', ['Deny'])).status, 201);
  });
  after(() => api.server.stop());

  const create = (name: string, data: object, labels: object = { check: 'yes' }) =>
    api.call('POST', configMaps, { metadata: { name, labels }, data });

  it('lets pass what holds, and what the match conditions leave out', async () => {
    assert.equal((await create('a', { a: '1' })).status, 201);
    assert.equal((await create('b', { a: '1', b: '2', c: '3' }, {})).status, 201);
  });

  it('refuses with the message of the expression', async () => {
    const { status, body } = await create('c', { a: '1', b: '2', c: '3' });
    assert.equal(status, 422);
    assert.equal(
      body.message,
      `configmaps "c" is forbidden: ValidatingAdmissionPolicy 'sizes' with binding 'deny' denied request: at most 2 keys, not 3`,
    );
  });

  it('refuses where an expression fails', async () => {
    const { body } = await create('d', { bad: '1' });
    assert.match(body.message, /resulted in error: no such key: missing$/);
  });

  it('refuses what costs too much', async () => {
    const spec = {
      matchConstraints: { resourceRules: rules, objectSelector: { matchLabels: { costly: 'yes' } } },
      validations: [
        { expression: 'object.data.all(a, object.data.all(b, object.data.all(c, a != b || b != c || true)))' },
      ],
    };
    await api.call('POST', `${group}/validatingadmissionpolicies`, { metadata: { name: 'costly' }, spec });
    await api.call('POST', `${group}/validatingadmissionpolicybindings`, {
      metadata: { name: 'costly' },
      spec: { policyName: 'costly', validationActions: ['Deny'] },
    });
    const data = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, '']));
    const { body } = await create('big', data, { costly: 'yes' });
    assert.match(body.message, /resulted in error: operation cancelled: actual cost limit exceeded$/);
  });

  it('refuses without the parameters that it needs', async () => {
    await api.call('DELETE', `${configMaps}/limits`);
    const { body } = await create('e', { a: '1' });
    assert.match(body.message, /no params found for policy binding with `Deny` parameterNotFoundAction/);
  });

  describe('with audit annotations and actions', () => {
    const told = () => Object.fromEntries(annotations);
    const annotations = new Map<string, string>();
    let audited: TestServer;
    before(async () => {
      const authorizer = { authorize: async () => ({ allowed: true, reason: '' }) };
      audited = await startTestServer({
        admission: (core) => {
          const plugin = validatingPolicies({ ...core, authorizer });
          const record = (key: string, value: string) => void annotations.set(key, value);
          return [{ ...plugin, validate: (attributes) => plugin.validate!({ ...attributes, annotate: record }) }];
        },
      });
      const spec = {
        matchConstraints: {
          resourceRules: rules,
          excludeResourceRules: [{ ...rules[0], resourceNames: ['excluded'] }],
        },
        validations: [{ expression: '!has(object.data)', message: 'no data' }],
        auditAnnotations: [
          { key: 'keys', valueExpression: "has(object.data) ? 'keys: ' + string(size(object.data)) : ''" },
        ],
      };
      await audited.call('POST', `${group}/validatingadmissionpolicies`, { metadata: { name: 'p' }, spec });
      await audited.call('POST', `${group}/validatingadmissionpolicybindings`, {
        metadata: { name: 'b' },
        spec: { policyName: 'p', validationActions: ['Audit', 'Warn'] },
      });
    });
    after(() => audited.server.stop());

    it('warns, tells the audit log, and lets pass', async () => {
      annotations.clear();
      const { status, headers, body } = await audited.call('POST', configMaps, {
        metadata: { name: 'a' },
        data: { a: '1' },
      });
      assert.equal(status, 201, body.message);
      assert.deepEqual(told(), {
        'p/keys': 'keys: 1',
        'validation.policy.admission.k8s.io/validation_failure': JSON.stringify([
          { message: 'no data', policy: 'p', binding: 'b', expressionIndex: 0, validationActions: ['Audit', 'Warn'] },
        ]),
      });
      assert.equal(headers.warning, undefined, 'calls from within the process have no headers');
    });

    it('says nothing of what holds, or is excluded', async () => {
      annotations.clear();
      await audited.call('POST', configMaps, { metadata: { name: 'b' } });
      await audited.call('POST', configMaps, { metadata: { name: 'excluded' }, data: { a: '1' } });
      assert.deepEqual(told(), {});
    });
  });
});
