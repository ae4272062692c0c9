import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodStatus } from '../../api/generated/core-v1.ts';
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts';
import { statusPatch } from './status-patch.ts';

/** What the API server makes of the patch. */
const patched = (from: PodStatus, to: PodStatus) => {
  const patch = statusPatch(from, to);
  return patch ? applyStrategicMergePatch('core/v1.PodStatus', from as Record<string, unknown>, patch) : from;
};

const rows: { says: string; from: PodStatus; to: PodStatus }[] = [
  {
    says: 'a Pod that comes back with another address has only that one',
    from: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], hostIPs: [{ ip: '10.9.0.1' }] },
    to: { podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }], hostIPs: [{ ip: '10.9.0.2' }] },
  },
  {
    says: 'a condition that changes leaves the others as they are',
    from: {
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'False' },
      ],
    },
    to: {
      conditions: [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Ready', status: 'True' },
      ],
    },
  },
  {
    says: 'a reason that no longer holds is taken away',
    from: { phase: 'Pending', reason: 'Evicted' },
    to: { phase: 'Pending' },
  },
];

for (const { says, from, to } of rows) test(says, () => assert.deepEqual(patched(from, to), to));

test('two statuses that say the same need no patch', () => {
  assert.equal(statusPatch({ phase: 'Running' }, { phase: 'Running' }), undefined);
});
