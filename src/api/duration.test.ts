import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanAge, humanDuration } from './duration.ts';

const second = 1;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const cases: [number, string][] = [
  [-2, '<invalid>'],
  [-1, '0s'],
  [0, '0s'],
  [70, '70s'],
  [2 * minute, '2m'],
  [2 * minute + 3, '2m3s'],
  [10 * minute + 3, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [3 * hour + 5 * minute, '3h5m'],
  [8 * hour + 5 * minute, '8h'],
  [47 * hour, '47h'],
  [2 * day, '2d'],
  [2 * day + 3 * hour, '2d3h'],
  [8 * day + 3 * hour, '8d'],
  [729 * day, '729d'],
  [730 * day, '2y'],
  [731 * day, '2y1d'],
  [8 * 365 * day + day, '8y'],
];
for (const [seconds, text] of cases) {
  test(`${seconds} s are shown as ${text}`, () => assert.equal(humanDuration(seconds * 1000), text));
}

test('an age without a timestamp is unknown', () => {
  assert.equal(humanAge(undefined, 0), '<unknown>');
  assert.equal(humanAge('2024-01-01T00:00:00Z', Date.parse('2024-01-01T00:01:05.900Z')), '65s');
});
