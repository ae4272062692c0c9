import { constants } from 'node:os';

/** The number of a stop signal as images and manifests write it: 'SIGTERM', 'TERM', '15', 'SIGRTMIN+3'. */
export function signalNumber(signal: string): number {
  if (/^\d+$/.test(signal)) return Number(signal);
  const name = signal.toUpperCase().startsWith('SIG') ? signal.toUpperCase() : `SIG${signal.toUpperCase()}`;
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  // glibc keeps 32 and 33 for itself (signal(7)).
  if (realTime) return (realTime[1] === 'MIN' ? 34 : 64) + Number(`${realTime[2] ?? '+'}${realTime[3] ?? 0}`);
  const number = constants.signals[name as NodeJS.Signals];
  if (number === undefined) throw new Error(`unknown signal '${signal}'`);
  return number;
}
