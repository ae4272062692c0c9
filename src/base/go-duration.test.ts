import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goDurationMs } from './go-duration.ts';

describe('a duration', () => {
  for (const [text, ms] of [
    ['1h2m3s', 3_723_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['500us', 0.5],
    ['+.5s', 500],
    ['0', 0],
  ] as const)
    it(`${text} is ${ms} ms`, () => assert.equal(goDurationMs(text), ms));

  for (const text of ['', '+', '5', '5 s', 's5', '-1s', '1d'])
    it(`"${text}" is none`, () => assert.throws(() => goDurationMs(text), /invalid duration/));
});
