import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimNameOf } from './device-claims.ts';
import type { Pod } from './generated/core-v1.ts';

test('a Pod means a claim by name, one that was made for it, one that is yet to be made, or none', () => {
  const resourceClaimStatuses = [{ name: 'made', resourceClaimName: 'web-made-x' }, { name: 'needless' }];
  const pod = { metadata: { name: 'web' }, spec: {}, status: { resourceClaimStatuses } } as Pod;
  assert.equal(claimNameOf(pod, { name: 'own', resourceClaimName: 'none' }), 'none');
  const templated = (name: string) => claimNameOf(pod, { name, resourceClaimTemplateName: 'template' });
  assert.deepEqual(['made', 'waiting', 'needless'].map(templated), ['web-made-x', undefined, null]);
});
