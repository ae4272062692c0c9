import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { takeSurvey } from '../src/inspect/survey/survey.ts';
import { openSampler } from '../src/inspect/top/sampler.ts';
import { median } from './quantile.ts';

// `vitrine survey` and one sample of `vitrine top` as ratios to `ps -eLf` and `ss -tanp` of the same host in the same run.
const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(options.rounds);
const times: Record<'ps' | 'ss' | 'survey' | 'top', number[]> = { ps: [], ss: [], survey: [], top: [] };
/** CPU of the samples of top, in milliseconds. */
let topCpuMs = 0;
let host = '';
const sampler = openSampler();
sampler.sample();
for (let round = 0; round < rounds; round++) {
  times.ps.push(timeOf(() => spawnSync('ps', ['-eLf'], { maxBuffer: 1 << 28 })));
  times.ss.push(timeOf(() => spawnSync('ss', ['-tanp'], { maxBuffer: 1 << 28 })));
  const start = performance.now();
  const survey = await takeSurvey();
  times.survey.push(performance.now() - start);
  host = `${survey.host.processes} processes, ${survey.host.threads} threads, ${survey.services.length} services`;
  sampler.sample();
  const cpu = process.cpuUsage();
  times.top.push(timeOf(() => sampler.sample()));
  const used = process.cpuUsage(cpu);
  topCpuMs += (used.user + used.system) / 1000;
}
sampler.close();

const [ps, ss, survey, top] = [times.ps, times.ss, times.survey, times.top].map(median) as [
  number,
  number,
  number,
  number,
];
console.log(`host: ${host}; medians of ${rounds}`);
console.log(
  `survey: ${survey.toFixed(0)} ms, ps -eLf + ss -tanp: ${(ps + ss).toFixed(0)} ms, ratio ${(survey / (ps + ss)).toFixed(2)}`,
);
console.log(`one sample of top: ${top.toFixed(1)} ms, ps -eLf: ${ps.toFixed(0)} ms, ratio ${(top / ps).toFixed(3)}`);
console.log(`top at one sample a second: ${((topCpuMs / rounds / 1000) * 100).toFixed(2)} % of a core`);

function timeOf(fn: () => void): number {
  const start = performance.now();
  fn();
  return performance.now() - start;
}
