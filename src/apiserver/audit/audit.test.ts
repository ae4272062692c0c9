import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import type { RequestInfo } from '../request.ts';
import { startTestServer, type TestServer } from '../testing/start-server.ts';
import type { AuditEvent } from './event.ts';
import { expendable, openAuditLog } from './log-backend.ts';
import { decideAudit, type Policy, parsePolicy, type Rule } from './policy.ts';

const info = (more: Partial<RequestInfo>): RequestInfo => ({
  isResourceRequest: true,
  verb: 'get',
  path: '',
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'default',
  name: 'a',
  ...more,
});
const user = { name: 'ann', groups: ['dev', 'system:authenticated'] };
const metrics = info({ isResourceRequest: false, path: '/metrics/cadvisor', resource: '', namespace: '', name: '' });

describe('audit policies (apiserver pkg/audit/policy/checker_test.go)', () => {
  const cases: [what: string, rule: Partial<Rule>, request: RequestInfo, fits: boolean][] = [
    ['without conditions fits all', {}, info({}), true],
    ['fits its users', { users: ['ann'] }, info({}), true],
    ['fits no other user', { users: ['bob'] }, info({}), false],
    ['fits a group of the user', { userGroups: ['ops', 'dev'] }, info({}), true],
    ['fits its verbs', { verbs: ['list'] }, info({}), false],
    ['fits its namespaces', { namespaces: ['kube-system'] }, info({}), false],
    ['fits objects without a namespace by the empty one', { namespaces: [''] }, info({ namespace: '' }), true],
    ['fits resources of its group', { resources: [{ group: 'apps' }] }, info({}), false],
    ['fits all resources of its group', { resources: [{ group: '' }] }, info({}), true],
    ['leaves subresources out', { resources: [{ resources: ['pods'] }] }, info({ subresource: 'log' }), false],
    ['fits a subresource', { resources: [{ resources: ['pods/log'] }] }, info({ subresource: 'log' }), true],
    ['fits all subresources', { resources: [{ resources: ['pods/*'] }] }, info({ subresource: 'log' }), true],
    ['fits a subresource of all', { resources: [{ resources: ['*/log'] }] }, info({ subresource: 'log' }), true],
    ['fits names', { resources: [{ resources: ['pods'], resourceNames: ['b'] }] }, info({}), false],
    ['of resources fits no path', { resources: [{ group: '' }] }, metrics, false],
    ['fits paths', { nonResourceURLs: ['/metrics/*'] }, metrics, true],
    ['of paths fits no resource', { nonResourceURLs: ['*'] }, info({}), false],
  ];
  for (const [what, rule, request, fits] of cases)
    it(`a rule ${what}`, () => {
      const policy: Policy = { rules: [{ level: 'Metadata', ...rule }] };
      assert.equal(decideAudit(policy, user, request).level, fits ? 'Metadata' : 'None');
    });

  it('the first rule decides; stages are left out by it or by the policy', () => {
    const policy: Policy = {
      omitStages: ['RequestReceived'],
      omitManagedFields: true,
      rules: [{ level: 'Request', users: ['ann'], omitStages: ['Panic'], omitManagedFields: false }, { level: 'None' }],
    };
    assert.deepEqual(decideAudit(policy, user, info({})), {
      level: 'Request',
      omitStages: ['RequestReceived', 'Panic'],
      omitManagedFields: false,
    });
  });

  const file = (rules: unknown) => ({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules });
  const bad: [value: unknown, problem: RegExp][] = [
    ['text', /not an object/],
    [{ kind: 'Policy', apiVersion: 'v1' }, /apiVersion: Invalid value: "v1"/],
    [file([]), /0 rules/],
    [file([{ level: 'All' }]), /rules\[0\]\.level: Unsupported value: "All": supported values: "None", "Metadata"/],
    [file([{ level: 'None', omitStages: ['End'] }]), /rules\[0\]\.omitStages\[0\]: Invalid value: "End"/],
    [file([{ level: 'None', nonResourceURLs: ['a'] }]), /must begin with a '\/' character/],
    [file([{ level: 'None', nonResourceURLs: ['/a'], namespaces: ['b'] }]), /both regular resources and non-resource/],
  ];
  for (const [value, problem] of bad)
    it(`refuses ${JSON.stringify(value)}`, () => assert.throws(() => parsePolicy(value), problem));
});

describe('the audit log', () => {
  const events: AuditEvent[] = [];
  let api: TestServer;
  const configMaps = '/api/v1/namespaces/default/configmaps';
  before(async () => {
    api = await startTestServer({
      audit: {
        clock: systemClock,
        backend: { write: (event) => void events.push(structuredClone(event)), close() {} },
        policy: {
          rules: [
            { level: 'None', verbs: ['list'] },
            { level: 'Metadata', resources: [{ resources: ['secrets'] }] },
            { level: 'Request', verbs: ['delete', 'watch'], omitStages: ['RequestReceived'] },
            { level: 'RequestResponse', omitStages: ['RequestReceived'], omitManagedFields: true },
          ],
        },
      },
    });
  });
  after(() => api.server.stop());

  async function told(request: () => Promise<unknown>): Promise<AuditEvent[]> {
    events.length = 0;
    await request();
    return [...events];
  }

  it('tells who did what to which object, and what was answered', async () => {
    const object = { metadata: { name: 'a' }, data: { k: 'v' } };
    const [event, ...others] = await told(() =>
      api.call('POST', configMaps, object, { 'user-agent': 'test/1', 'x-forwarded-for': '10.1.1.1, 10.1.1.2' }),
    );
    assert.deepEqual(others, []);
    const { auditID, requestReceivedTimestamp, stageTimestamp, responseObject, ...rest } = event!;
    assert.match(auditID, /^[0-9a-f-]{36}$/);
    for (const time of [requestReceivedTimestamp, stageTimestamp]) assert.match(time, /^\d{4}-.*\.\d{6}Z$/);
    assert.deepEqual(rest, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      requestURI: configMaps,
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters'] },
      sourceIPs: ['10.1.1.1', '10.1.1.2', '127.0.0.1'],
      userAgent: 'test/1',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestObject: object,
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    const answered = responseObject as { data: object; metadata: { uid?: string; managedFields?: unknown } };
    assert.deepEqual(answered.data, { k: 'v' });
    assert.ok(answered.metadata.uid);
    assert.equal(answered.metadata.managedFields, undefined);
  });

  it('tells of failures with their Status', async () => {
    const [event] = await told(() => api.call('GET', `${configMaps}/none`));
    assert.equal(event!.responseStatus?.code, 404);
    assert.equal(event!.responseStatus?.reason, 'NotFound');
    assert.equal(event!.responseStatus?.message, 'configmaps "none" not found');
  });

  it('keeps contents to itself below the level that asks for them', async () => {
    const secret = { metadata: { name: 's' }, stringData: { k: 'v' } };
    const seen = await told(() => api.call('POST', '/api/v1/namespaces/default/secrets', secret));
    assert.deepEqual(
      seen.map(({ stage, level }) => [stage, level]),
      [
        ['RequestReceived', 'Metadata'],
        ['ResponseComplete', 'Metadata'],
      ],
    );
    assert.ok(!JSON.stringify(seen).includes('stringData'));
    assert.equal(seen[1]!.objectRef?.name, 's');
    assert.deepEqual(await told(() => api.call('GET', configMaps)), []);
  });

  it('tells of a watch when it begins and when it ends', async () => {
    const abort = new AbortController();
    const seen = await told(async () => {
      const response = await api.open(`${configMaps}?watch=true`, abort.signal);
      const reader = response.body[Symbol.asyncIterator]();
      await reader.next();
      assert.deepEqual(
        events.map(({ stage }) => stage),
        ['ResponseStarted'],
      );
      abort.abort();
      await reader.return?.();
    });
    assert.deepEqual(
      seen.map(({ stage, verb }) => [stage, verb]),
      [
        ['ResponseStarted', 'watch'],
        ['ResponseComplete', 'watch'],
      ],
    );
  });

  it('tells who is impersonated', async () => {
    const [event] = await told(() =>
      api.call('GET', `${configMaps}/a`, undefined, { 'impersonate-user': 'bob', 'impersonate-group': 'dev' }),
    );
    assert.deepEqual(event!.user, { username: 'admin', groups: ['system:masters'] });
    assert.deepEqual(event!.impersonatedUser, { username: 'bob', groups: ['dev', 'system:authenticated'] });
  });
});

describe('the file of the audit log', () => {
  it('is put aside when it is large, and only so many are kept', async () => {
    const folder = mkdtempSync('/tmp/vitrine-audit-');
    try {
      let now = Date.parse('2026-01-01T00:00:00Z');
      const clock = { ...systemClock, now: () => (now += 1000) };
      const options = { path: path.join(folder, 'audit.log'), maxSizeMiB: 1, maxBackups: 2, maxAgeDays: 0 };
      const long = { kind: 'Event', requestObject: 'x'.repeat(600_000) } as unknown as AuditEvent;
      for (let i = 0; i < 5; i++) {
        const backend = openAuditLog(options, { clock, log: silentLogger });
        backend.write(long);
        backend.close();
      }
      const names = readdirSync(folder).sort();
      assert.equal(names.length, 3, names.join());
      assert.match(names[0]!, /^audit-2026-01-01T00-00-\d\d\.000\.log$/);
      for (const name of names) assert.equal(JSON.parse(readFileSync(path.join(folder, name), 'utf8')).kind, 'Event');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves other files alone', () => {
    const names = [
      'audit.log',
      'audit-x.log',
      'other-2026-01-01T00-00-00.000.log',
      'audit-2020-01-01T00-00-00.000.log',
    ];
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.deepEqual(expendable('audit.log', names, { maxBackups: 0, maxAgeDays: 30 }, now), [names[3]]);
    assert.deepEqual(expendable('audit.log', names, { maxBackups: 0, maxAgeDays: 0 }, now), []);
  });
});
