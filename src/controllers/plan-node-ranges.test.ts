import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextNodeRange } from './plan-node-ranges.ts';

const next = (...taken: string[]) => nextNodeRange({ clusterCidr: '10.64.0.0/16', prefixLength: 22, taken });

test('the first node gets the first part, the next one the next', () => {
  assert.equal(next(), '10.64.0.0/22');
  assert.equal(next('10.64.0.0/22'), '10.64.4.0/22');
});

test('a part that was given back is given again', () => {
  assert.equal(next('10.64.0.0/22', '10.64.8.0/22'), '10.64.4.0/22');
});

test('parts of other sizes are respected, too', () => {
  assert.equal(next('10.64.0.0/20', '10.64.17.0/24'), '10.64.20.0/22');
});

test("ranges of IPv6 are in nobody's way", () => {
  assert.equal(next('fd00:10::/64'), '10.64.0.0/22');
});

test('a node that has it all leaves none', () => {
  assert.equal(next('10.64.0.0/16'), undefined);
});

test('after the last part there is none', () => {
  const taken: string[] = [];
  for (let part = next(); part; part = next(...taken)) taken.push(part);
  assert.equal(taken.length, 64);
  assert.equal(taken.at(-1), '10.64.252.0/22');
});
