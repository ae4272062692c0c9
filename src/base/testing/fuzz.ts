import type { Parameters } from 'fast-check';

/** How often what is usual: 1 in `./dev test`, more to look for what it does not find. */
const times = Number(process.env.FUZZ_TIMES ?? 1);

/** The same inputs each time, so that a failure is the change's; `FUZZ_SEED=random` is for finding new ones. */
const seed = process.env.FUZZ_SEED === 'random' ? undefined : Number(process.env.FUZZ_SEED ?? 1);

/** What fast-check is asked for: so many inputs, and the first that fails as it is. */
export const fuzz = (runs: number): Parameters<unknown> => ({
  numRuns: runs * times,
  endOnFailure: true,
  ...(seed !== undefined && { seed }),
});
