import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limitText, planKernelLimits } from './plan-kernel-limits.ts';

const use = (used: number) => ({ what: 'things', used, max: 100, sysctl: 'kernel.things' });

describe('a limit of the kernel', () => {
  for (const [used, wasNear, near, fresh] of [
    [79, false, false, false],
    [80, false, true, true],
    [80, true, true, false],
    [70, true, true, false],
    [69, true, false, false],
    [100, false, true, true],
  ] as const)
    it(`at ${used} %, ${wasNear ? 'near' : 'not near'} before: ${near ? 'near' : 'not near'}${fresh ? ', to be told' : ''}`, () => {
      const plan = planKernelLimits([use(used)], new Set(wasNear ? ['things'] : []));
      assert.deepEqual([plan.near.length, plan.fresh.length], [Number(near), Number(fresh)]);
    });

  it('says what to do', () => {
    assert.equal(limitText(use(83)), '83 of 100 things are in use: raise kernel.things');
  });
});
