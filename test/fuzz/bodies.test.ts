import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { builtinResources, type ResourceInfo } from '../../src/api/resource.ts';
import { startTestServer, type TestServer } from '../../src/apiserver/testing/start-server.ts';
import { fuzz } from '../../src/base/testing/fuzz.ts';
import { anyJson, objectOf } from './fixture/arbitrary-object.ts';

/** A refusal is one of these, with a Status that says so. */
const refusals = new Set([400, 403, 404, 405, 409, 413, 415, 422]);

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let server: TestServer;

before(async () => {
  server = await startTestServer();
});
after(() => server.server.stop());

const creatable = builtinResources.filter(({ verbs }) => verbs.includes('create') && verbs.includes('list'));

function pathOf({ group, version, resource, namespaced }: ResourceInfo): string {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  return `${root}${namespaced ? '/namespaces/default' : ''}/${resource}`;
}

function isAnswered(answer: { status: number; body: unknown }, what: () => string): boolean {
  if (answer.status === 200 || answer.status === 201) return true;
  const { kind, status, code } = answer.body as { kind?: string; status?: string; code?: number };
  assert.ok(refusals.has(answer.status), `${what()}: ${answer.status} ${JSON.stringify(answer.body)}`);
  assert.deepEqual([kind, status, code], ['Status', 'Failure', answer.status], what());
  return false;
}

describe('whatever a body holds, the answer is an object or a Status', () => {
  let n = 0;
  for (const resource of creatable)
    it(`${resource.group}/${resource.resource}`, async () => {
      const path = pathOf(resource);
      const check = async (object: Record<string, unknown>) => {
        const name = `fuzz-${n++}`;
        const body = JSON.stringify({ ...object, metadata: { ...(object.metadata as object), name } });
        const answer = await server.call('POST', path, body);
        const created = isAnswered(answer, () => `POST ${path} ${body}`);
        const found = await server.call('GET', `${path}/${name}`);
        // What was refused is not there, what was created is as it was answered.
        assert.equal(found.status, created ? 200 : 404, body);
        if (!created) return;
        assert.deepEqual(found.body, answer.body);
        // What the server made of it, it takes again, and shows in every form.
        const again = await server.call('PUT', `${path}/${name}`, found.body);
        isAnswered(again, () => `PUT ${path}/${name} ${JSON.stringify(found.body)}`);
        for (const accept of ['application/yaml', 'application/vnd.kubernetes.protobuf', table])
          assert.equal(
            (await server.call('GET', `${path}/${name}`, undefined, { accept })).status,
            200,
            `${accept} ${body}`,
          );
        await server.call('DELETE', `${path}/${name}`, { gracePeriodSeconds: 0 });
      };
      await fc.assert(fc.asyncProperty(objectOf(resource, 'x'), check), fuzz(50));
    });

  it('any JSON at all', async () => {
    const check = async (value: unknown) => {
      const body = JSON.stringify(value) ?? 'null';
      for (const path of ['/api/v1/namespaces/default/pods', '/apis/apps/v1/namespaces/default/deployments'])
        for (const method of ['POST', 'DELETE'])
          isAnswered(await server.call(method, path, body), () => `${method} ${path} ${body}`);
    };
    await fc.assert(fc.asyncProperty(anyJson, check), fuzz(300));
  });

  it('any text in any format', async () => {
    const formats = [
      'application/json',
      'application/yaml',
      'application/vnd.kubernetes.protobuf',
      'text/plain',
      'x',
      '',
    ];
    const syntax = fc.array(
      fc.constantFrom('{', '}', '[', ']', ':', ',', '"', '&a', '*a', '- ', '\n', ' ', '!!int', '? ', '<<'),
    );
    const text = fc.oneof(
      fc.string(),
      syntax.map((parts) => parts.join('')),
    );
    const check = async (body: string, type: string) => {
      const answer = await server.call('POST', '/api/v1/namespaces/default/configmaps', body, { 'content-type': type });
      assert.ok(refusals.has(answer.status), `${type} ${JSON.stringify(body)}: ${answer.status}`);
    };
    await fc.assert(fc.asyncProperty(text, fc.constantFrom(...formats), check), fuzz(500));
  });

  it('any query', async () => {
    const names = ['limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'fieldSelector', 'labelSelector'];
    const more = [
      'dryRun',
      'fieldValidation',
      'fieldManager',
      'pretty',
      'timeoutSeconds',
      'sendInitialEvents',
      'force',
    ];
    const pair = fc.tuple(
      fc.constantFrom(...names, ...more),
      fc.oneof(fc.string(), fc.constantFrom('0', '-1', 'true', 'All', 'Exact', '1')),
    );
    const check = async (pairs: [string, string][]) => {
      const query = new URLSearchParams(pairs);
      for (const method of ['GET', 'POST', 'DELETE']) {
        const body = method === 'POST' ? { metadata: { name: 'q' } } : undefined;
        const answer = await server.call(method, `/api/v1/namespaces/default/configmaps?${query}`, body);
        assert.ok(answer.status < 500 || answer.status === 504, `${method} ${query}: ${JSON.stringify(answer.body)}`);
      }
    };
    await fc.assert(fc.asyncProperty(fc.array(pair, { maxLength: 4 }), check), fuzz(300));
  });

  it('no name pollutes what all objects have', async () => {
    const body =
      '{"metadata":{"name":"p","labels":{"__proto__":"x"},"annotations":{"constructor":"y"}},"data":{"__proto__":"z"}}';
    await server.call('POST', '/api/v1/namespaces/default/configmaps', body);
    const yaml = 'metadata: {name: p2}\ndata: {__proto__: {polluted: yes}}\n__proto__: {polluted: yes}\n';
    await server.call('POST', '/api/v1/namespaces/default/configmaps', yaml, { 'content-type': 'application/yaml' });
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.equal(Object.getPrototypeOf({}), Object.prototype);
  });
});
