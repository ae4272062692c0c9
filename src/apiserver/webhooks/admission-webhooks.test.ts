import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { silentLogger } from '../../base/log.ts';
import type { AdmissionPlugin } from '../request.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';
import { mutatingWebhooks, validatingWebhooks } from './admission-webhooks.ts';
import type { PostOptions, WebhookTarget } from './webhook-client.ts';

const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

interface Review {
  request: { uid: string; operation: string; object: { metadata: { name: string }; data?: Record<string, string> } };
}

/** What the webhooks of this test answer, by path. */
function answer(path: string, { request }: Review): object {
  const { uid, object } = request;
  if (path === '/down') throw new Error('Post "https://hook.default.svc:443/down": connection refused');
  if (path === '/deny')
    return { uid, allowed: object.data?.bad === undefined, status: { message: 'bad is bad', code: 403 } };
  const patch = [
    {
      op: 'add',
      path: '/data/added',
      value: Object.keys(object.data ?? {})
        .sort()
        .join(),
    },
  ];
  return {
    uid,
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    warnings: ['mind it'],
  };
}

const webhook = (name: string, path: string, more: object = {}) => ({
  name: `${name}.example.com`,
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { namespace: 'default', name: 'hook', path } },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
  ...more,
});

describe('admission webhooks', () => {
  let api: TestServer;
  const annotations = new Map<string, string>();
  /** Settled when the slow webhook is asked. */
  const slow = Promise.withResolvers<void>();
  before(async () => {
    api = await startTestServer({
      admission: (core) => {
        const context = {
          ...core,
          authorizer: { authorize: async () => ({ allowed: true, reason: '' }) },
          log: silentLogger,
          webhooks: {
            post: async ({ service }: WebhookTarget, body: object, { signal }: PostOptions) => {
              if (service?.path !== '/slow') return { response: answer(service?.path ?? '', body as Review) };
              slow.resolve();
              return once(signal!, 'abort').then(() => Promise.reject(new Error('aborted')));
            },
          },
        };
        const recorder: AdmissionPlugin = {
          name: 'Recorder',
          handles(attributes) {
            attributes.annotate = (key, value) => void annotations.set(key, value);
            return false;
          },
          async admit() {},
        };
        return [recorder, mutatingWebhooks(context), validatingWebhooks(context)];
      },
    });
    const register = (kind: string, name: string, ...webhooks: object[]) =>
      api.call('POST', `${group}/${kind}`, { metadata: { name }, webhooks });
    const conditions = [{ name: 'not-skipped', expression: "!object.metadata.name.startsWith('skip')" }];
    assert.equal(
      (await register('mutatingwebhookconfigurations', 'm', webhook('m', '/patch', { matchConditions: conditions })))
        .status,
      201,
    );
    const selector = { objectSelector: { matchLabels: { strict: 'yes' } } };
    await register(
      'validatingwebhookconfigurations',
      'v',
      webhook('v', '/deny'),
      webhook('w', '/down', { failurePolicy: 'Ignore' }),
      webhook('x', '/down', selector),
      webhook('y', '/slow', { failurePolicy: 'Ignore', objectSelector: { matchLabels: { slow: 'yes' } } }),
    );
  });
  after(() => api.server.stop());

  const create = (name: string, data: object, labels: object = {}) =>
    api.call('POST', configMaps, { metadata: { name, labels }, data });

  it('applies patches, passes over webhooks that fail open', async () => {
    const { status, body } = await create('a', { k: 'v' });
    assert.equal(status, 201);
    assert.deepEqual(body.data, { k: 'v', added: 'k' });
    assert.deepEqual(Object.fromEntries(annotations), {
      'mutation.webhook.admission.k8s.io/round_0_index_0':
        '{"configuration":"m","webhook":"m.example.com","mutated":true}',
      'failed-open.validating.webhook.admission.k8s.io/round_0_index_1': 'w.example.com',
    });
  });

  it('asks match conditions first', async () => {
    assert.deepEqual((await create('skip-it', { k: 'v' })).body.data, { k: 'v' });
  });

  it('denies in the words of the webhook', async () => {
    const { status, body } = await create('b', { bad: '1' });
    assert.equal(status, 403);
    assert.equal(body.message, 'admission webhook "v.example.com" denied the request: bad is bad');
  });

  it('refuses when a webhook cannot be reached', async () => {
    const { status, body } = await create('c', { k: 'v' }, { strict: 'yes' });
    assert.equal(status, 500);
    assert.equal(
      body.message,
      'Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: Post "https://hook.default.svc:443/down": connection refused',
    );
  });

  it('stops asking when the request is over, and does not go on without the answer', async () => {
    const gone = new AbortController();
    const transport = api.server.transport({ name: 'admin', groups: ['system:masters'] });
    const body = JSON.stringify({ metadata: { name: 'slow', labels: { slow: 'yes' } }, data: { k: 'v' } });
    const headers = { 'content-type': 'application/json' };
    const asked = transport.request({ method: 'POST', path: configMaps, headers, body, signal: gone.signal });
    await Promise.race([
      slow.promise,
      asked.then(({ status }) => assert.fail(`answered without the webhook: ${status}`)),
    ]);
    gone.abort();
    assert.equal((await asked).status, 500);
    assert.equal((await api.call('GET', `${configMaps}/slow`)).status, 404);
  });

  it('refuses configurations that Kubernetes refuses', async () => {
    const bad = webhook('bad', '/', { sideEffects: 'Some', timeoutSeconds: 31 });
    const { body } = await api.call('POST', `${group}/validatingwebhookconfigurations`, {
      metadata: { name: 'bad' },
      webhooks: [bad],
    });
    assert.equal(
      body.message,
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io "bad" is invalid: [webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun", webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds]',
    );
  });
});
