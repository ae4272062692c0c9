import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../base/clock.ts';
import { StatusSpacing } from './status-spacing.ts';

test('a status on its way is written at once, then after a while, and at once when it is settled', () => {
  const clock = new FakeClock();
  const spacing = new StatusSpacing(clock);
  assert.equal(spacing.waitMs('default/web', false), 0);
  clock.advance(20);
  assert.equal(spacing.waitMs('default/web', false), 100);
  assert.equal(spacing.waitMs('default/other', false), 0, 'keys do not wait for each other');
  assert.equal(spacing.waitMs('default/web', true), 0);
  assert.equal(spacing.waitMs('default/web', false), 0, 'what was settled begins anew');
});
