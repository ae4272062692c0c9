import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { processCpuMs } from './process-cpu.ts';
import { median } from './quantile.ts';

// The views as people start them, on a host with a cluster of 100 httpd Pods (8,200 threads), as ratios to `ps -eLf` in
// the same run; and the CPU of `vitrine top` beside that of procps's top, at a refresh a second and 1,000 processes.
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '20' },
    processes: { type: 'string', default: '1000' },
    /** A cluster that runs already; else one is made. */
    name: { type: 'string' },
  },
});
const vitrine = path.join(import.meta.dirname, '../vitrine');
const name = options.name ?? 'bench-glass';
const rounds = Number(options.rounds);

if (!options.name) run(vitrine, ['demo', '--name', name, '--no-kubeconfig']);
let sleepers: ChildProcess | undefined;
try {
  const commands: [what: string, program: string, args: string[]][] = [
    ['ps -eLf', 'ps', ['-eLf']],
    ['vitrine ps -A -L', vitrine, ['ps', '-A', '-L', '--name', name]],
    ['vitrine tree --pods all -L', vitrine, ['tree', '--pods', 'all', '-L', '--name', name]],
    ['vitrine survey', vitrine, ['survey', '--name', name]],
  ];
  const times = new Map<string, number[]>(commands.map(([what]) => [what, []]));
  for (const [, program, args] of commands) run(program, args);
  for (let round = 0; round < rounds; round++)
    for (const [what, program, args] of commands) times.get(what)!.push(run(program, args));
  const took = (what: string) => median(times.get(what)!);
  const threads = spawnSync('sh', ['-c', 'ps -eLf | wc -l'], { encoding: 'utf8' }).stdout.trim();
  console.log(`host: ${threads} threads; medians of ${rounds}, whole commands`);
  for (const [what] of commands)
    console.log(`${what}: ${took(what).toFixed(0)} ms, ratio to ps -eLf ${(took(what) / took('ps -eLf')).toFixed(2)}`);

  sleepers = startSleepers(
    Number(options.processes) - fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).length,
  );
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const count = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).length;
  const [ours, theirs] = await Promise.all([
    cpuOf(`${vitrine} top --name ${name}`, 'main.js'),
    cpuOf('top -d 1', 'top'),
  ]);
  console.log(
    `top at a refresh a second, ${count} processes: ${ours.toFixed(2)} % of a core, procps's top ${theirs.toFixed(2)} %, ratio ${(ours / theirs).toFixed(2)}`,
  );
} finally {
  sleepers?.kill('SIGKILL');
  if (!options.name) run(vitrine, ['delete', '--name', name]);
}

function run(program: string, args: string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(program, args, { maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return performance.now() - start;
}

/** Processes that only sleep; they end with their parent. */
function startSleepers(count: number): ChildProcess {
  const program =
    'use strict; for (1 .. $ARGV[0]) { my $p = fork; if (!$p) { while (getppid() == $ARGV[1]) { sleep 5 } exit } } sleep 3600';
  return spawn('sh', ['-c', `exec perl -e '${program}' ${Math.max(0, count)} $$`], { stdio: 'ignore' });
}

/** CPU of a program on a terminal of 120 x 40, in percent of a core, after two seconds to settle. */
async function cpuOf(command: string, word: string): Promise<number> {
  const terminal = spawn('script', ['-qfec', `stty cols 120 rows 40; exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, TERM: 'xterm-256color' },
  });
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  try {
    await wait(3000);
    const pid = descendants(terminal.pid!).find((one) =>
      fs.readFileSync(`/proc/${one}/cmdline`, 'latin1').includes(word),
    );
    if (!pid) throw new Error(`${command} does not run`);
    const before = processCpuMs(pid);
    await wait(Number(options.seconds) * 1000);
    return (processCpuMs(pid) - before) / Number(options.seconds) / 10;
  } finally {
    terminal.stdin.end('q');
    await wait(200);
    terminal.kill('SIGKILL');
  }
}

/** The deepest first. */
function descendants(pid: number): number[] {
  const children = fs
    .readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return [...children.flatMap(descendants), ...children];
}
