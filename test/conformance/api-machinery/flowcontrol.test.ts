import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { FlowSchema, PriorityLevelConfiguration } from '../../../src/api/generated/flowcontrol-v1.ts';
import type { KubeObject } from '../../../src/api/object.ts';
import { builtin } from '../../../src/api/resource.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { type Objects, refused, type Sketch } from '../fixture/kube.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

const group = 'flowcontrol.apiserver.k8s.io';
const flowSchemas = builtin<FlowSchema>(group, 'v1', 'flowschemas');
const priorityLevels = builtin<PriorityLevelConfiguration>(group, 'v1', 'prioritylevelconfigurations');

/** What the suite does with either kind (flowcontrol.go). */
async function operate<T extends KubeObject & { status?: { conditions?: object[] } }>(
  resource: string,
  objects: Objects<T>,
  draft: (name: string) => Sketch<T>,
  change: { patch: object; changed(object: T): unknown; update(object: T): void },
): Promise<void> {
  const label = 'special-label';
  const labelSelector = `${label}=e2e`;
  const { groups } = await kube.json<{ groups: { name: string; versions: { version: string }[] }[] }>('GET', '/apis');
  assert.ok(groups.find(({ name }) => name === group)?.versions.some(({ version }) => version === 'v1'));
  const found = await kube.json<{ versions: { version: string }[] }>('GET', `/apis/${group}`);
  assert.ok(found.versions.some(({ version }) => version === 'v1'));
  const { resources } = await kube.json<{ resources: { name: string }[] }>('GET', `/apis/${group}/v1`);
  for (const name of [resource, `${resource}/status`])
    assert.ok(
      resources.some((one) => one.name === name),
      name,
    );

  const labelled = (name: string) => {
    const object = draft(name) as { metadata: object };
    return { ...object, metadata: { ...object.metadata, name, labels: { [label]: 'e2e' } } } as unknown as Sketch<T>;
  };
  const created = await objects.create(labelled('e2e-test-one'));
  const { name } = created.metadata;
  assert.equal((await objects.get(name)).metadata.uid, created.metadata.uid);
  assert.equal((await objects.list({ labelSelector })).items.length, 1);
  const watching = await objects.watch({
    labelSelector,
    resourceVersion: (await objects.list()).metadata.resourceVersion,
  });

  const patched = await objects.patch(name, 'merge', {
    metadata: { annotations: { patched: 'true' } },
    ...change.patch,
  });
  assert.equal(patched.metadata.annotations?.patched, 'true');
  assert.ok(change.changed(patched));
  const updated = await objects.change(name, (object) => {
    object.metadata.annotations = { ...object.metadata.annotations, updated: 'true' };
    change.update(object);
  });
  assert.equal(updated.metadata.annotations?.updated, 'true');
  await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.updated === 'true');
  watching.stop();

  const condition = (type: string) => ({
    ...{ type, status: 'True', reason: 'e2e', message: 'Set from an e2e test' },
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  const has = (object: T, type: string) =>
    (object.status?.conditions ?? []).some((one) => (one as { type?: string }).type === type);
  assert.equal((await objects.get(name, 'status')).metadata.name, name);
  const patch = {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { conditions: [condition('PatchStatusFailed')] },
  };
  assert.ok(has(await objects.patch(name, 'merge', patch, 'status'), 'PatchStatusFailed'));
  const replaced = await objects.change(
    name,
    (object) => {
      object.status = {
        conditions: [...(object.status?.conditions ?? []), condition('StatusUpdateFailed')],
      } as T['status'];
    },
    'status',
  );
  assert.ok(has(replaced, 'StatusUpdateFailed'));

  await objects.delete(name);
  await refused(objects.get(name), 404);
  for (const other of ['e2e-test-two', 'e2e-test-three']) await objects.create(labelled(other));
  await objects.deleteCollection({ labelSelector });
  assert.equal((await objects.list({ labelSelector })).items.length, 0);
}

describe('API priority and fairness', { concurrency: 2 }, () => {
  conformance('[sig-api-machinery] API priority and fairness should support FlowSchema API operations', () =>
    operate(
      'flowschemas',
      kube.of(flowSchemas),
      () => ({
        spec: {
          matchingPrecedence: 10_000,
          priorityLevelConfiguration: { name: 'global-default' },
          distinguisherMethod: { type: 'ByUser' },
          rules: [
            {
              subjects: [{ kind: 'User', user: { name: 'example-e2e-non-existent-user' } }],
              nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
            },
          ],
        },
      }),
      {
        patch: { spec: { matchingPrecedence: 9999 } },
        changed: ({ spec }) => spec.matchingPrecedence === 9999,
        update: ({ spec }) => {
          spec.matchingPrecedence = 9998;
        },
      },
    ),
  );

  conformance(
    '[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations',
    () =>
      operate(
        'prioritylevelconfigurations',
        kube.of(priorityLevels),
        () => ({
          spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
        }),
        {
          patch: { spec: { limited: { nominalConcurrencyShares: 4 } } },
          changed: ({ spec }) => spec.limited?.nominalConcurrencyShares === 4,
          update: ({ spec }) => {
            spec.limited!.nominalConcurrencyShares = 6;
          },
        },
      ),
  );
});
