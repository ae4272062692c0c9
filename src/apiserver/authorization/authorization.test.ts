import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SelfSubjectAccessReview } from '../../api/generated/authorization-v1.ts';
import { clusterRoleBindings, clusterRoles, configMaps, pods, roleBindings, roles } from '../../api/resource.ts';
import type { StatusError } from '../../api/status-error.ts';
import { MemoryReader } from '../authentication/memory-reader.ts';
import type { AdmissionAttributes, RequestInfo, UserInfo } from '../request.ts';
import { reviewOwnAccess, reviewOwnRules } from './access-reviews.ts';
import { createAuthorizer } from './authorizers.ts';
import { createEscalationCheck } from './escalation.ts';

const ann: UserInfo = { name: 'ann', groups: ['dev', 'system:authenticated'] };
const node: UserInfo = { name: 'system:node:box', groups: ['system:nodes', 'system:authenticated'] };

function setUp() {
  const reader = new MemoryReader();
  reader.put(roles, {
    metadata: { name: 'reader', namespace: 'shop' },
    rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] }],
  });
  reader.put(roleBindings, {
    metadata: { name: 'ann', namespace: 'shop' },
    subjects: [{ kind: 'User', name: 'ann' }],
    roleRef: { kind: 'Role', name: 'reader' },
  });
  reader.put(clusterRoles, {
    metadata: { name: 'scaler' },
    rules: [
      { verbs: ['*'], apiGroups: ['apps'], resources: ['*/scale'] },
      { verbs: ['get'], apiGroups: ['*'], resources: ['configmaps'], resourceNames: ['one'] },
      { verbs: ['get'], nonResourceURLs: ['/metrics', '/logs/*'] },
    ],
  });
  reader.put(clusterRoleBindings, {
    metadata: { name: 'dev-scaler' },
    subjects: [{ kind: 'Group', name: 'dev' }],
    roleRef: { kind: 'ClusterRole', name: 'scaler' },
  });
  return { reader, authorizer: createAuthorizer({ reader, nodeRules: [] }) };
}

/** 'get pods/log.apps shop/name', or 'get /path'. */
function requestOf(text: string): RequestInfo {
  const [verb = '', what = '', where = ''] = text.split(' ');
  const path = what.startsWith('/') ? what : '';
  const [kind = '', group = ''] = what.split(/\.(.*)/s);
  const [resource = '', subresource = ''] = kind.split('/');
  const [namespace = '', name = ''] = where.split('/');
  return { isResourceRequest: !path, verb, path, group, version: 'v1', resource, subresource, namespace, name };
}

describe('authorization by roles', () => {
  const table: [string, boolean][] = [
    ['list pods shop', true],
    ['get pods/log shop/web', true],
    ['get pods/exec shop/web', false],
    ['list pods other', false],
    ['list pods', false],
    ['delete pods shop/web', false],
    ['update deployments/scale.apps other/web', true],
    ['update deployments.apps other/web', false],
    ['get configmaps any/one', true],
    ['get configmaps any/two', false],
    ['list configmaps any', false],
    ['get /metrics', true],
    ['get /logs/kubelet', true],
    ['get /version', false],
  ];
  for (const [text, allowed] of table) {
    it(`${allowed ? 'allows' : 'refuses'}: ${text}`, () => {
      assert.equal(setUp().authorizer.decide(ann, requestOf(text)).allowed, allowed);
    });
  }

  it('sees changes at once', () => {
    const { reader, authorizer } = setUp();
    const request = requestOf('list pods shop');
    assert.equal(authorizer.decide(ann, request).allowed, true);
    reader.remove(roleBindings, 'shop', 'ann');
    assert.equal(authorizer.decide(ann, request).allowed, false);
  });

  it('says which role is missing', () => {
    const { reader, authorizer } = setUp();
    reader.remove(clusterRoles, '', 'scaler');
    assert.equal(
      authorizer.decide(ann, requestOf('list nodes')).reason,
      'RBAC: clusterroles.rbac.authorization.k8s.io "scaler" not found',
    );
  });

  it('decides in microseconds', () => {
    const { authorizer } = setUp();
    const request = requestOf('get configmaps any/two');
    const before = process.cpuUsage();
    for (let i = 0; i < 10_000; i++) authorizer.decide(ann, request);
    // Of our own time: others may be at work on this machine.
    assert.ok(process.cpuUsage(before).user < 500_000);
  });
});

describe('the node authorizer', () => {
  it('shows a node only what its own Pods refer to', () => {
    const { reader, authorizer } = setUp();
    const decide = (text: string) => authorizer.decide(node, requestOf(text));
    reader.put(configMaps, { metadata: { name: 'page', namespace: 'shop' } });
    const spec = {
      containers: [],
      serviceAccountName: 'web',
      volumes: [{ name: 'page', configMap: { name: 'page' } }],
    };
    reader.put(pods, { metadata: { name: 'web', namespace: 'shop' }, spec: { ...spec, nodeName: 'other' } });
    assert.equal(decide('get configmaps shop/page').reason, "no relationship found between node 'box' and this object");
    reader.put(pods, { metadata: { name: 'web', namespace: 'shop' }, spec: { ...spec, nodeName: 'box' } });
    assert.equal(decide('get configmaps shop/page').allowed, true);
    assert.equal(decide('list configmaps shop').allowed, false);
    assert.equal(decide('get secrets shop/page').allowed, false);
    assert.equal(decide('create serviceaccounts/token shop/web').allowed, true);
    assert.equal(decide('update leases.coordination.k8s.io kube-node-lease/box').allowed, true);
    assert.equal(decide('update leases.coordination.k8s.io kube-node-lease/other').allowed, false);
  });
});

describe('escalation', () => {
  const attempt = (object: object, resource: typeof roles | typeof roleBindings, user = ann) => {
    const { authorizer } = setUp();
    return createEscalationCheck(authorizer).validate!({
      operation: 'CREATE',
      resource,
      namespace: 'shop',
      name: 'new',
      object: { metadata: { name: 'new' }, ...object },
      oldObject: undefined,
      user,
    } as unknown as AdmissionAttributes);
  };

  it('lets users grant what they hold and refuses the rest, rule by rule', async () => {
    await attempt({ rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }, roles);
    await assert.rejects(
      attempt({ rules: [{ verbs: ['get', 'delete', 'patch'], apiGroups: [''], resources: ['pods'] }] }, roles),
      (error: StatusError) =>
        error.message ===
        'roles.rbac.authorization.k8s.io "new" is forbidden: user "ann" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}',
    );
  });

  it('lets users bind roles they hold, and finds that a role is missing', async () => {
    await attempt({ roleRef: { kind: 'Role', name: 'reader' } }, roleBindings);
    await assert.rejects(attempt({ roleRef: { kind: 'Role', name: 'none' } }, roleBindings), /"none" not found/);
    const bob = { name: 'bob', groups: [] };
    await assert.rejects(
      attempt({ roleRef: { kind: 'Role', name: 'reader' } }, roleBindings, bob),
      /not currently held/,
    );
  });
});

describe('access reviews', () => {
  it('answer kubectl auth can-i', () => {
    const { authorizer } = setUp();
    const ask = (spec: object) => reviewOwnAccess({ spec } as SelfSubjectAccessReview, ann, authorizer).status;
    assert.deepEqual(ask({ resourceAttributes: { verb: 'list', resource: 'pods', namespace: 'shop' } }), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "ann/shop" of Role "reader" to User "ann"',
    });
    assert.deepEqual(ask({ nonResourceAttributes: { verb: 'get', path: '/x' } }), { allowed: false });
    assert.throws(() => ask({}), /exactly one of nonResourceAttributes or resourceAttributes must be specified/);
  });

  it('list the rules of a user', () => {
    const { authorizer } = setUp();
    const review = { spec: { namespace: 'shop' } } as Parameters<typeof reviewOwnRules>[0];
    const status = reviewOwnRules(review, ann, authorizer).status;
    assert.equal(status?.resourceRules.length, 3);
    assert.equal(status?.nonResourceRules.length, 1);
  });
});
