import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronJob } from '../../api/generated/batch-v1.ts';
import { made } from '../testing.ts';
import { planRun } from './plan-run.ts';
import { parseSchedule } from './schedule.ts';

const rows: [schedule: string, after: string, next: string, zone?: string][] = [
  ['*/5 * * * *', '2026-01-01T00:02:30Z', '2026-01-01T00:05:00Z'],
  ['*/5 * * * *', '2026-01-01T00:05:00Z', '2026-01-01T00:10:00Z'],
  ['0 9-17/4 * * mon-fri', '2026-01-02T18:00:00Z', '2026-01-05T09:00:00Z'],
  ['0 0 13 * fri', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
  ['0 0 31 * *', '2026-02-01T00:00:00Z', '2026-03-31T00:00:00Z'],
  ['0 0 29 feb *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['@hourly', '2026-01-01T00:02:30Z', '2026-01-01T01:00:00Z'],
  ['@every 1m30s', '2026-01-01T00:00:00Z', '2026-01-01T00:01:30Z'],
  ['30 8 * * *', '2026-07-01T00:00:00Z', '2026-07-01T06:30:00Z', 'Europe/Berlin'],
  ['30 8 * * *', '2026-12-01T00:00:00Z', '2026-12-01T07:30:00Z', 'Europe/Berlin'],
  ['30 2 * * *', '2026-03-28T12:00:00Z', '2026-03-30T00:30:00Z', 'Europe/Berlin'],
  ['TZ=Asia/Tokyo 0 0 * * *', '2026-01-01T00:00:00Z', '2026-01-01T15:00:00Z'],
];
for (const [schedule, after, next, zone] of rows)
  test(`after ${after}, '${schedule}' is next due at ${next} ${zone ?? ''}`, () => {
    assert.equal(
      new Date(parseSchedule(schedule, zone).next(Date.parse(after)) ?? 0).toISOString(),
      next.replace('Z', '.000Z'),
    );
  });

test('a time zone that does not exist is a RangeError', () => {
  assert.throws(() => parseSchedule('* * * * *', 'Moon/Base'), RangeError);
});

test('the last missed time is due; more than a hundred missed are told', () => {
  const cron = (spec: object) => made<CronJob>('CronJob', 'c', { spec } as never);
  const due = (now: string, spec = {}) => planRun(cron(spec), parseSchedule('* * * * *'), Date.parse(now));
  assert.equal(due('2026-01-01T00:00:30Z').scheduledMs, undefined);
  assert.equal(due('2026-01-01T00:03:30Z').scheduledMs, Date.parse('2026-01-01T00:03:00Z'));
  const late = due('2026-01-03T00:00:30Z');
  assert.deepEqual([late.scheduledMs, late.tooManyMissed], [Date.parse('2026-01-03T00:00:00Z'), 2880]);
  assert.equal(due('2026-01-03T00:00:30Z', { startingDeadlineSeconds: 10 }).scheduledMs, undefined);
});
