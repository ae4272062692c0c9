import os from 'node:os';
import { pods as podResource } from '../src/api/resource.ts';
import { UserError } from '../src/base/errors.ts';
import type { Client } from '../src/client/client.ts';
import { statusesOf } from '../src/inspect/pod-phase.ts';
import { firstState, pressKey, type TopState } from '../src/inspect/top/keys.ts';
import {
  type Level,
  levels,
  type SortOrder,
  sortOrders,
  type TopNames,
  type TopRow,
  topRows,
} from '../src/inspect/top/rows.ts';
import { openSampler, type TopSample } from '../src/inspect/top/sampler.ts';
import { threadRows } from '../src/inspect/top/threads.ts';
import { clusterClient } from './access.ts';
import {
  type Command,
  type Invocation,
  type Output,
  positiveOption,
  stringOption,
  UsageError,
  wantsJson,
} from './command.ts';
import { createStyle } from './style.ts';
import { headLines, topScreen } from './top-screen.ts';
import { showJson, showView } from './watch-view.ts';

export const command: Command = {
  options: {
    view: { type: 'string', short: 'v' },
    sort: { type: 'string', short: 's' },
    interval: { type: 'string', short: 'd' },
    once: { type: 'boolean' },
    lines: { type: 'string' },
    output: { type: 'string', short: 'o' },
    watch: { type: 'boolean' },
  },
  help: `
Shows live what uses the machine: Pods, containers, systemd units, processes; Enter goes from a Pod down to threads.
Works without a cluster. In a pipe, or with --once, it prints one sample and ends.

  -v, --view VIEW      pods, containers, units, processes. Default: processes
  -s, --sort ORDER     cpu, memory, threads, time, name. Default: cpu
  -d, --interval S     seconds between samples. Default: 1
      --once           one sample
      --lines N        lines of that sample. Default: 20
  -o, --output json    that sample for programs; docs/json.md has the schema
      --watch          in a pipe: a sample each interval until ^C

Keys: ? shows them; q quits.

examples:
  vitrine top
  vitrine top -v pods -s memory
  vitrine top --once -o json | jq '.rows[0]'`,
  run: async (invocation) => {
    const { name, args, values, out } = invocation;
    if (args.length > 0) throw new UsageError(`unexpected argument "${args[0]}"`);
    const level = choose('view', stringOption(invocation, 'view') ?? 'processes', levels);
    const sort = choose('sort', stringOption(invocation, 'sort') ?? 'cpu', sortOrders);
    const json = wantsJson(invocation);
    const intervalMs = positiveOption(invocation, 'interval', 1) * 1000;
    const count = positiveOption(invocation, 'lines', 20);
    const names = podNames(name);
    try {
      if (values.once || json || !process.stdout.isTTY || !process.stdin.isTTY)
        return await printSamples(invocation, { level, sort, intervalMs, count, json, names });
      await live(firstState(level, sort), intervalMs, names, out);
      return 0;
    } finally {
      names.close();
    }
  },
};

function choose<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (!found) throw new UsageError(`--${option} "${text}": must be one of ${known.join(', ')}`);
  return found;
}

interface LiveNames extends TopNames {
  /** Asks the API again, at most every few seconds. */
  refresh(): Promise<void>;
  close(): void;
}

/** Names of Pods and containers, as far as there is a cluster to ask. */
function podNames(cluster: string): LiveNames {
  let client: Client | undefined;
  try {
    client = clusterClient(cluster);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  const names = new Map<string, string>();
  /** When the API was asked last, so that it is left in peace. */
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return {
    pod: (uid) => names.get(uid),
    container: (id) => names.get(id),
    refresh: async () => {
      if (!client || performance.now() - askedAtMs < 5000) return;
      askedAtMs = performance.now();
      const { items } = await client.list(podResource).catch(() => ({ items: [] }));
      for (const pod of items) {
        const name =
          pod.metadata.namespace === 'default' ? pod.metadata.name : `${pod.metadata.namespace}/${pod.metadata.name}`;
        names.set(pod.metadata.uid, name);
        for (const status of statusesOf(pod))
          if (status.containerID) names.set(status.containerID.replace(/^\w+:\/\//, ''), `${name} ${status.name}`);
      }
    },
    close: () => client?.close(),
  };
}

interface SampleRequest {
  level: Level;
  sort: SortOrder;
  intervalMs: number;
  count: number;
  json: boolean;
  names: LiveNames;
}

/** Two samples, as use is a difference; with --watch one after the other. */
async function printSamples(invocation: Invocation, request: SampleRequest): Promise<number> {
  const { level, sort, intervalMs, count, json, names } = request;
  const sampler = openSampler();
  try {
    sampler.sample();
    await Promise.all([names.refresh(), new Promise((resolve) => setTimeout(resolve, intervalMs))]);
    return await showView(invocation, intervalMs, async (out) => {
      const sample = sampler.sample();
      void names.refresh();
      const rows = topRows(sample.processes, { level, sort }, names).slice(0, count);
      if (json) showJson(invocation, out, topJson(sample, level, rows));
      else printScreen(out, sample, firstState(level, sort), rows);
      return undefined;
    });
  } finally {
    sampler.close();
  }
}

function topJson(sample: TopSample, view: Level, rows: TopRow[]) {
  const takenAt = new Date(sample.takenAtMs).toISOString();
  return { schema: 'vitrine/top/v1', takenAt, view, ...hostOf(sample), rows };
}

function printScreen(out: Output, sample: TopSample, first: TopState, rows: TopRow[]): void {
  const state = { ...first, selected: '' };
  const size = { columns: out.columns ?? 200, lines: rows.length + headLines + 1 };
  const screen = topScreen({ state, rows, host: hostOf(sample), ...size }, createStyle(out.colour));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor's line is drawn in reverse
  for (const line of screen.slice(0, -1)) out.line(line.replace(/\u001b\[7m(.*)\u001b\[0m/, '$1').trimEnd());
}

function hostOf({ processes, memoryBytes, memoryAvailableBytes }: TopSample) {
  return {
    name: os.hostname(),
    cpus: os.availableParallelism(),
    processes: processes.length,
    threads: processes.reduce((sum, { threads }) => sum + threads, 0),
    cpuPercent: processes.reduce((sum, { cpuPercent }) => sum + cpuPercent, 0),
    memoryBytes,
    memoryAvailableBytes,
    loadAverage: os.loadavg(),
  };
}

/** Draws at every sample and at every key, on the terminal's second screen, until q or ^C. */
async function live(first: TopState, intervalMs: number, names: LiveNames, out: Output): Promise<void> {
  const sampler = openSampler();
  const style = createStyle(out.colour);
  let state = first;
  let sample = sampler.sample();
  let rows: TopRow[] = [];
  let drawn: string[] = [];
  const draw = () => {
    const { columns = 80, rows: lines = 24 } = process.stdout;
    const within = state.path.at(-1)?.key;
    rows =
      state.threadsOf === undefined
        ? topRows(
            sample.processes,
            { level: state.level, sort: state.sort, filter: state.filter, ...(within && { within }) },
            names,
          )
        : threadRows(state.threadsOf);
    const screen = topScreen({ state, rows, host: hostOf(sample), columns, lines }, style);
    // Only lines that differ are sent: a remote terminal has little to do.
    const changed = screen.flatMap((line, i) => (line === drawn[i] ? [] : [`\x1b[${i + 1};1H${line}\x1b[K`]));
    process.stdout.write(`${changed.join('')}${screen.length < drawn.length ? '\x1b[J' : ''}`);
    drawn = screen;
  };
  const timer = setInterval(() => {
    if (state.paused) return;
    sample = sampler.sample();
    void names.refresh();
    draw();
  }, intervalMs);
  process.stdin.setRawMode(true).setEncoding('utf8').resume();
  process.stdout.write('\x1b[?1049h\x1b[?25l');
  const onResize = () => {
    drawn = [];
    process.stdout.write('\x1b[2J');
    draw();
  };
  process.stdout.on('resize', onResize);
  try {
    await names.refresh();
    draw();
    await new Promise<void>((resolve) => {
      process.stdin.on('data', (text: string) => {
        for (const key of splitKeys(text))
          state = pressKey(state, key, { rows, pageSize: Math.max(1, (process.stdout.rows ?? 24) - headLines - 2) });
        if (state.quit) resolve();
        else draw();
      });
      process.stdin.once('end', resolve);
      // The terminal is left as it was, however this ends.
      for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
    });
  } finally {
    clearInterval(timer);
    process.stdout.off('resize', onResize);
    process.stdin.setRawMode(false).pause();
    process.stdout.write('\x1b[?25h\x1b[?1049l');
    sampler.close();
  }
}

/** A paste or a fast typist sends several keys at once; an escape sequence is one. */
export function splitKeys(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys are escape sequences
  return text.match(/\u001b\[[0-9;]*[A-Za-z~]|[\s\S]/g) ?? [];
}
