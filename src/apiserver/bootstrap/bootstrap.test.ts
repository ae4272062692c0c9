import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Draft, KubeObject } from '../../api/object.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  endpointSlices,
  endpoints,
  namespaces,
  type Resource,
  services,
} from '../../api/resource.ts';
import { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { MemoryReader } from '../authentication/memory-reader.ts';
import { createAuthorizer } from '../authorization/authorizers.ts';
import type { RequestInfo } from '../request.ts';
import { bootstrap } from './bootstrap.ts';
import { keepDefaultObjects } from './keep-default-objects.ts';
import { nodeRules } from './rbac-defaults.ts';

const facts = {
  api: { clusterIp: '10.96.0.1', address: '10.1.2.3', port: 6443 },
  serviceCidr: '10.96.0.0/16',
  clientCa: 'CA',
  requestHeaderCa: 'CA2',
};

function setUp() {
  const reader = new MemoryReader();
  const written: string[] = [];
  const put = async <T extends KubeObject>(resource: Resource<T>, object: Draft<T> | T) => {
    const { namespace, name } = object.metadata;
    if (namespace) assert.ok(reader.get(namespaces, '', namespace), `namespace ${namespace} comes first`);
    written.push(`${resource.resource}/${name}`);
    return reader.put(resource, structuredClone(object) as T);
  };
  const writes = { create: put, update: put };
  return { reader, written, writes, run: () => bootstrap(facts, { reader, writes }) };
}

describe('bootstrap', () => {
  it('creates the defaults once', async () => {
    const { reader, run } = setUp();
    assert.ok((await run()) > 150);
    assert.equal(await run(), 0);
    assert.equal(reader.list(namespaces).length, 4);
  });

  it('brings back missing rules and subjects, leaves additions and what has autoupdate switched off', async () => {
    const { reader, written, run } = setUp();
    await run();
    written.length = 0;
    const change = (resource: typeof clusterRoles | typeof clusterRoleBindings, name: string, over: object) =>
      reader.put(resource as Resource<KubeObject>, {
        ...reader.get(resource as typeof clusterRoles, '', name)!,
        ...over,
      });
    const extra = { verbs: ['get'], apiGroups: ['x'], resources: ['y'] };
    change(clusterRoles, 'system:basic-user', { rules: [extra] });
    change(clusterRoleBindings, 'cluster-admin', { subjects: [] });
    change(clusterRoles, 'system:kube-dns', {
      metadata: {
        ...reader.get(clusterRoles, '', 'system:kube-dns')!.metadata,
        annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' },
      },
      rules: [],
    });
    await run();
    assert.deepEqual(written.sort(), ['clusterrolebindings/cluster-admin', 'clusterroles/system:basic-user']);
    assert.deepEqual(reader.get(clusterRoles, '', 'system:basic-user')?.rules?.[0], extra);
    assert.equal(reader.get(clusterRoleBindings, '', 'cluster-admin')?.subjects?.length, 1);
  });

  it('follows the API server to another address', async () => {
    const { reader, run } = setUp();
    await run();
    const put = async <T extends KubeObject>(resource: Resource<T>, object: Draft<T> | T) =>
      reader.put(resource, object as T);
    const moved = { ...facts, api: { ...facts.api, address: '10.9.9.9' } };
    const writes = { create: put, update: put };
    assert.equal(await bootstrap(moved, { reader, writes }), 2);
    assert.equal(reader.get(endpoints, 'default', 'kubernetes')?.subsets?.[0]?.addresses?.[0]?.ip, '10.9.9.9');
  });

  it('brings back the Service of the API server and what belongs to it within 10 s, a namespace within a minute', async () => {
    const { reader, written, writes, run } = setUp();
    const clock = new FakeClock();
    await run();
    const stop = keepDefaultObjects(facts.api, { reader, writes, clock, log: silentLogger });
    const later = async (ms: number) => {
      written.length = 0;
      clock.advance(ms);
      await new Promise(setImmediate);
      return [...written];
    };
    assert.deepEqual(await later(10_000), []);
    reader.remove(services, 'default', 'kubernetes');
    reader.remove(endpoints, 'default', 'kubernetes');
    reader.remove(endpointSlices, 'default', 'kubernetes');
    reader.remove(namespaces, '', 'kube-node-lease');
    assert.deepEqual(await later(9_999), []);
    assert.deepEqual(await later(1), ['services/kubernetes', 'endpoints/kubernetes', 'endpointslices/kubernetes']);
    assert.deepEqual(await later(40_000), ['namespaces/kube-node-lease']);
    reader.put(services, { ...reader.get(services, 'default', 'kubernetes')!, spec: { type: 'NodePort' } });
    reader.put(endpoints, { ...reader.get(endpoints, 'default', 'kubernetes')!, subsets: [] });
    assert.deepEqual(await later(10_000), ['endpoints/kubernetes'], 'a Service that was changed stays');
    stop();
    reader.remove(services, 'default', 'kubernetes');
    assert.deepEqual(await later(60_000), []);
  });

  it('gives the roles that people know their meaning', async () => {
    const { reader, run } = setUp();
    await run();
    const authorizer = createAuthorizer({ reader, nodeRules });
    for (const role of ['admin', 'edit', 'view']) {
      reader.put(clusterRoleBindings, {
        metadata: { name: `test-${role}` },
        subjects: [{ kind: 'User', name: role }],
        roleRef: { kind: 'ClusterRole', name: role },
      });
    }
    const may = (user: string, groups: string[], verb: string, resource: string, group = '') =>
      authorizer.decide({ name: user, groups }, {
        isResourceRequest: true,
        verb,
        group,
        resource,
        subresource: '',
        namespace: 'x',
        name: 'y',
      } as RequestInfo).allowed;
    assert.equal(may('view', [], 'get', 'pods'), true);
    assert.equal(may('view', [], 'get', 'secrets'), false);
    assert.equal(may('view', [], 'delete', 'pods'), false);
    assert.equal(may('edit', [], 'delete', 'deployments', 'apps'), true);
    assert.equal(may('edit', [], 'create', 'rolebindings', 'rbac.authorization.k8s.io'), false);
    assert.equal(may('admin', [], 'create', 'rolebindings', 'rbac.authorization.k8s.io'), true);
    assert.equal(may('system:kube-scheduler', [], 'create', 'pods'), false);
    assert.equal(may('system:kube-scheduler', [], 'list', 'pods'), true);
    assert.equal(may('system:node:a', ['system:nodes'], 'list', 'pods'), true);
    assert.equal(
      may('x', ['system:authenticated'], 'create', 'selfsubjectaccessreviews', 'authorization.k8s.io'),
      true,
    );
  });
});
