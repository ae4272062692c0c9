import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer } from '../testing/start-server.ts';

const path = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const pod = { metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'httpd' }] } };
const merge = { 'content-type': 'application/merge-patch+json' };

describe('create', () => {
  it('gives an object its namespace, uid, creation time and resourceVersion', async () => {
    const { call } = await startTestServer();
    const { status, body } = await call('POST', path, { metadata: { name: 'a' }, data: { x: '1' } });
    assert.equal(status, 201);
    assert.equal(body.kind, 'ConfigMap');
    assert.equal(body.metadata.namespace, 'default');
    assert.match(body.metadata.uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual((await call('GET', `${path}/a`)).body, body);
  });

  it('makes a name from generateName', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', path, { metadata: { generateName: 'web-' } });
    assert.match(body.metadata.name, /^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('refuses a name that exists, another namespace and another kind', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    assert.equal((await call('POST', path, { metadata: { name: 'a' } })).body.message, 'configmaps "a" already exists');
    const elsewhere = await call('POST', path, { metadata: { name: 'b', namespace: 'other' } });
    assert.equal(
      elsewhere.body.message,
      'the namespace of the provided object does not match the namespace sent on the request',
    );
    assert.equal((await call('POST', path, { kind: 'Secret', metadata: { name: 'b' } })).status, 400);
  });

  it('stores nothing on a dry run', async () => {
    const { call } = await startTestServer();
    assert.equal((await call('POST', `${path}?dryRun=All`, { metadata: { name: 'a' } })).status, 201);
    assert.equal((await call('GET', `${path}/a`)).status, 404);
  });

  it('refuses unknown fields if fieldValidation is Strict', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', `${path}?fieldValidation=Strict`, { metadata: { name: 'a' }, foo: 1 });
    assert.equal(
      body.message,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    );
  });
});

describe('update', () => {
  it('writes nothing if nothing changes', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', path, { metadata: { name: 'a' }, data: { x: '1' } });
    const again = await call('PUT', `${path}/a`, body);
    assert.equal(again.body.metadata.resourceVersion, body.metadata.resourceVersion);
  });

  it('refuses an old resourceVersion and another uid', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', path, { metadata: { name: 'a' } });
    await call('PUT', `${path}/a`, { ...body, data: { x: '2' } });
    const late = await call('PUT', `${path}/a`, { ...body, data: { x: '3' } });
    assert.equal(late.status, 409);
    assert.match(late.body.message, /^Operation cannot be fulfilled on configmaps "a": the object has been modified;/);
    const other = await call('PUT', `${path}/a`, { metadata: { name: 'a', uid: 'x' } });
    assert.match(other.body.message, /Precondition failed: UID in precondition: x, UID in object meta: /);
  });

  it('creates what may be created by PUT, and nothing else', async () => {
    const { call } = await startTestServer();
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    assert.equal((await call('PUT', `${leases}/l`, { metadata: { name: 'l' }, spec: {} })).status, 201);
    assert.equal((await call('PUT', `${path}/a`, { metadata: { name: 'a' } })).status, 404);
  });

  it('keeps status and spec apart and counts generations', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', pods, { ...pod, status: { phase: 'Running' } });
    assert.notEqual(body.status.phase, 'Running');
    assert.equal(body.metadata.generation, 1);
    const changed = { ...body, status: { phase: 'Running' }, spec: { ...body.spec, activeDeadlineSeconds: 5 } };
    const viaStatus = await call('PUT', `${pods}/web/status`, changed);
    assert.equal(viaStatus.body.status.phase, 'Running');
    assert.equal(viaStatus.body.spec.activeDeadlineSeconds, undefined);
    changed.metadata = viaStatus.body.metadata;
    changed.status = {};
    const viaMain = await call('PUT', `${pods}/web`, changed);
    assert.equal(viaMain.body.status.phase, 'Running');
    assert.equal(viaMain.body.metadata.generation, 2);
  });
});

describe('patch', () => {
  it('applies JSON, merge and strategic merge patches', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' }, data: { x: '1', y: '2' } });
    await call('PATCH', `${path}/a`, { data: { x: null } }, merge);
    const operations = [{ op: 'add', path: '/data/z', value: '3' }];
    await call('PATCH', `${path}/a`, operations, { 'content-type': 'application/json-patch+json' });
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    const { body } = await call('PATCH', `${path}/a`, { data: { w: '4' } }, strategic);
    assert.deepEqual(body.data, { w: '4', y: '2', z: '3' });
  });

  it('answers 415 to an unknown patch type', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    assert.equal((await call('PATCH', `${path}/a`, {}, { 'content-type': 'application/json' })).status, 415);
  });

  it('does not lose concurrent patches', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => call('PATCH', `${path}/a`, { data: { [key]: '1' } }, merge)));
    const { body } = await call('GET', `${path}/a`);
    assert.deepEqual(Object.keys(body.data).sort(), keys.sort());
  });

  it('server-side apply creates, changes what it owns, and conflicts with other managers', async () => {
    const { call } = await startTestServer();
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const apply = (manager: string, data: object, more = '') =>
      call(
        'PATCH',
        `${path}/a?fieldManager=${manager}${more}`,
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
        headers,
      );
    assert.equal((await apply('one', { x: '1', y: '1' })).status, 201);
    const second = await apply('one', { x: '2' });
    assert.deepEqual(second.body.data, { x: '2' });
    assert.equal((await apply('two', { x: '3' })).status, 409);
    assert.deepEqual((await apply('two', { x: '3' }, '&force=true')).body.data, { x: '3' });
  });
});

describe('delete', () => {
  it('answers with a Status when the object is gone', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    const { status, body } = await call('DELETE', `${path}/a`);
    assert.equal(status, 200);
    assert.equal(body.status, 'Success');
    assert.equal(body.details.kind, 'configmaps');
  });

  it('waits for finalizers; the last one gone, the object goes', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
    const { body } = await call('DELETE', `${path}/a`);
    assert.ok(body.metadata.deletionTimestamp);
    await call('PATCH', `${path}/a`, { metadata: { finalizers: null } }, merge);
    assert.equal((await call('GET', `${path}/a`)).status, 404);
  });

  it('adds the finalizer that the propagation policy asks for', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    const { body } = await call('DELETE', `${path}/a`, { propagationPolicy: 'Foreground' });
    assert.deepEqual(body.metadata.finalizers, ['foregroundDeletion']);
  });

  it('gives a running Pod its grace period, which may only be shortened', async () => {
    const { call } = await startTestServer();
    await call('POST', pods, { ...pod, spec: { ...pod.spec, nodeName: 'n1' } });
    const first = await call('DELETE', `${pods}/web`);
    assert.equal(first.body.metadata.deletionGracePeriodSeconds, 30);
    const longer = await call('DELETE', `${pods}/web`, { gracePeriodSeconds: 60 });
    assert.equal(longer.body.metadata.deletionGracePeriodSeconds, 30);
    const shorter = await call('DELETE', `${pods}/web`, { gracePeriodSeconds: 5 });
    assert.equal(shorter.body.metadata.deletionGracePeriodSeconds, 5);
    await call('DELETE', `${pods}/web`, { gracePeriodSeconds: 0 });
    assert.equal((await call('GET', `${pods}/web`)).status, 404);
  });

  it('deletes the part of a collection that a selector matches', async () => {
    const { call } = await startTestServer();
    for (const name of ['a', 'b', 'c']) await call('POST', path, { metadata: { name, labels: { l: name } } });
    await call('DELETE', `${path}?labelSelector=l+in+(a,b)`);
    const { body } = await call('GET', path);
    assert.deepEqual(
      body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      ['c'],
    );
  });
});

describe('list', () => {
  const names = (body: { items: { metadata: { name: string } }[] }) => body.items.map((item) => item.metadata.name);

  it('pages consistently: what is written between two pages is not seen', async () => {
    const { call } = await startTestServer();
    for (const name of ['a', 'b', 'c', 'd']) await call('POST', path, { metadata: { name } });
    const first = await call('GET', `${path}?limit=2`);
    assert.deepEqual(names(first.body), ['a', 'b']);
    assert.equal(first.body.metadata.remainingItemCount, 2);
    await call('DELETE', `${path}/c`);
    const next = await call('GET', `${path}?limit=2&continue=${first.body.metadata.continue}`);
    assert.deepEqual(names(next.body), ['c', 'd']);
    assert.equal(next.body.metadata.continue, undefined);
  });

  it('answers 410 to a compacted page, with a token that goes on at the newest revision', async () => {
    const { call, store } = await startTestServer();
    for (const name of ['a', 'b', 'c']) await call('POST', path, { metadata: { name } });
    const first = await call('GET', `${path}?limit=1`);
    await call('DELETE', `${path}/b`);
    await store.compact(await store.currentRevision());
    const late = await call('GET', `${path}?limit=1&continue=${first.body.metadata.continue}`);
    assert.equal(late.status, 410);
    assert.equal(late.body.reason, 'Expired');
    const resumed = await call('GET', `${path}?limit=5&continue=${late.body.metadata.continue}`);
    assert.deepEqual(names(resumed.body), ['c']);
  });

  it('selects by labels and fields', async () => {
    const { call } = await startTestServer();
    for (const name of ['a', 'b']) await call('POST', path, { metadata: { name, labels: { l: name } } });
    assert.deepEqual(names((await call('GET', '/api/v1/configmaps?labelSelector=l%3Da')).body), ['a']);
    assert.deepEqual(names((await call('GET', `${path}?fieldSelector=metadata.name%3Db`)).body), ['b']);
    const bad = await call('GET', `${path}?fieldSelector=data.x%3Db`);
    assert.equal(
      bad.body.message,
      '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });

  it('shows tables, metadata only, YAML and protobuf', async () => {
    const { call } = await startTestServer();
    await call('POST', path, { metadata: { name: 'a' } });
    const as = (accept: string) => call('GET', path, undefined, { accept });
    const table = await as('application/json;as=Table;v=v1;g=meta.k8s.io');
    assert.equal(table.body.rows[0].cells[0], 'a');
    const partial = await as('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io');
    assert.equal(partial.body.items[0].kind, 'PartialObjectMetadata');
    assert.match((await as('application/yaml')).body, /kind: ConfigMapList/);
    assert.match((await as('application/vnd.kubernetes.protobuf')).body, /^k8s\0/);
    assert.equal((await as('text/html')).status, 406);
  });
});

describe('other paths', () => {
  it('answers as kube-apiserver does', async () => {
    const { call } = await startTestServer();
    assert.equal((await call('GET', '/healthz')).body, 'ok');
    assert.match((await call('GET', '/readyz?verbose')).body, /\[\+\]etcd ok\n[\s\S]*readyz check passed/);
    assert.match((await call('GET', '/version')).body.gitVersion, /^v1\.\d+\.\d+/);
    assert.equal((await call('GET', '/nope')).body, '404 page not found\n');
    const unknown = await call('GET', '/api/v1/nopes');
    assert.equal(unknown.body.message, 'the server could not find the requested resource');
    assert.equal((await call('PUT', '/api/v1/componentstatuses/x', {})).status, 405);
    assert.match((await call('GET', '/metrics')).body, /apiserver_request_total\{code="200"/);
  });
});
