import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { readSnapshot } from '../src/inspect/snapshot.ts';
import { median } from './quantile.ts';

// A snapshot of a host with 8,000 threads (processes and threads with cgroup and namespaces, joined), as a ratio to the
// wall time of `ps -eLf` in the same run. The threads are those of Perl programs, as each Debian has Perl.
const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: '8000' },
    processes: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '9' },
  },
});
const rounds = Number(options.rounds);
const perProcess = Math.ceil(Number(options.threads) / Number(options.processes));
const load = await startLoad(Number(options.processes), perProcess);

try {
  const times: Record<string, number[]> = { 'ps -eLf': [], 'ps -ef': [], threads: [], processes: [] };
  let counted = { processes: 0, threads: 0 };
  for (let round = 0; round < rounds; round++) {
    times['ps -eLf']!.push(timeOf(() => spawnSync('ps', ['-eLf'], { maxBuffer: 1 << 28 })));
    times['ps -ef']!.push(timeOf(() => spawnSync('ps', ['-ef'], { maxBuffer: 1 << 28 })));
    const start = performance.now();
    const snapshot = await readSnapshot({ threads: true });
    times.threads!.push(performance.now() - start);
    const second = performance.now();
    await readSnapshot();
    times.processes!.push(performance.now() - second);
    counted = { processes: snapshot.processes.size, threads: 0 };
    for (const { threadCount } of snapshot.processes.values()) counted.threads += threadCount;
  }
  const took = (name: string) => median(times[name]!);
  console.log(`host: ${counted.processes} processes, ${counted.threads} threads; medians of ${rounds}`);
  report('snapshot with threads', took('threads'), 'ps -eLf', took('ps -eLf'));
  report('snapshot of processes', took('processes'), 'ps -ef', took('ps -ef'));
} finally {
  for (const child of load) child.kill('SIGKILL');
}

function report(what: string, ms: number, peer: string, peerMs: number): void {
  console.log(`${what}: ${ms.toFixed(0)} ms, ${peer}: ${peerMs.toFixed(0)} ms, ratio ${(ms / peerMs).toFixed(2)}`);
}

function timeOf(fn: () => void): number {
  const start = performance.now();
  fn();
  return performance.now() - start;
}

/** Programs of `threads` threads each that sleep; resolves when all of them have all. */
async function startLoad(processes: number, threads: number): Promise<ChildProcess[]> {
  const program = `
use threads ('stack_size' => 64*1024);
$| = 1;
for my $i (2..${threads}) { threads->create(sub { sleep 3600 })->detach; }
print "ready\\n"; sleep 3600;`;
  const children: ChildProcess[] = [];
  let ready: Promise<unknown>[] = [];
  for (let i = 0; i < processes; i++) {
    const child = spawn('perl', ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    ready.push(once(child.stdout!, 'data'));
    // A few at a time: on two cores more only wait for each other.
    if (ready.length < 8 && i < processes - 1) continue;
    await Promise.all(ready);
    ready = [];
  }
  return children;
}
