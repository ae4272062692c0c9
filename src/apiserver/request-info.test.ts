import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo } from './request-info.ts';

/** What is asked: verb, group/version, namespace, resource/subresource, name. */
type Row = [request: string, verb: string, groupVersion: string, namespace: string, resource: string, name: string];

describe('what a request is about', () => {
  const rows: Row[] = [
    ['GET /api/v1/namespaces/default/pods/a', 'get', '/v1', 'default', 'pods', 'a'],
    ['HEAD /api/v1/namespaces/default/pods/a', 'get', '/v1', 'default', 'pods', 'a'],
    ['GET /api/v1/namespaces/default/pods/a/log', 'get', '/v1', 'default', 'pods/log', 'a'],
    ['GET /api/v1/namespaces/default/pods', 'list', '/v1', 'default', 'pods', ''],
    ['GET //api/v1//namespaces/default/pods/', 'list', '/v1', 'default', 'pods', ''],
    ['GET /api/v1/pods?watch=true', 'watch', '/v1', '', 'pods', ''],
    ['GET /api/v1/pods?watch=false', 'list', '/v1', '', 'pods', ''],
    ['GET /api/v1/watch/namespaces/default/pods/a', 'watch', '/v1', 'default', 'pods', 'a'],
    ['GET /api/v1/pods?fieldSelector=metadata.name%3Da', 'list', '/v1', '', 'pods', 'a'],
    ['DELETE /api/v1/namespaces/default/pods', 'deletecollection', '/v1', 'default', 'pods', ''],
    ['GET /api/v1/namespaces', 'list', '/v1', '', 'namespaces', ''],
    ['GET /api/v1/namespaces/a', 'get', '/v1', 'a', 'namespaces', 'a'],
    ['PUT /api/v1/namespaces/a/finalize', 'update', '/v1', 'a', 'namespaces/finalize', 'a'],
    ['PATCH /apis/apps/v1/namespaces/a/deployments/b', 'patch', 'apps/v1', 'a', 'deployments', 'b'],
    ['POST /apis/example.com/v1/things', 'create', 'example.com/v1', '', 'things', ''],
    ['GET /api/v1/nodes/a%2Fb%20c', 'get', '/v1', '', 'nodes', 'a/b c'],
    ['GET /api/v1/name%73paces/a/pods/b', 'get', '/v1', 'a', 'pods', 'b'],
    ['GET /api/v1/nodes/100%', 'get', '/v1', '', 'nodes', '100%'],
  ];
  for (const [request, ...expected] of rows)
    it(request, () => {
      const [method, target] = request.split(' ') as [string, string];
      const [path, query] = target.split('?') as [string, string | undefined];
      const info = parseRequestInfo(method, path, new URLSearchParams(query));
      const { verb, group, version, namespace, resource, subresource, name } = info;
      const what = subresource ? `${resource}/${subresource}` : resource;
      assert.deepEqual([verb, `${group}/${version}`, namespace, what, name], expected);
      assert.ok(info.isResourceRequest);
    });

  for (const path of ['/', '/api', '/api/v1', '/apis/apps/v1', '/healthz', '/version/'])
    it(`${path} is no resource`, () => {
      const { isResourceRequest, verb } = parseRequestInfo('GET', path, new URLSearchParams());
      assert.deepEqual([isResourceRequest, verb], [false, 'get']);
    });
});
