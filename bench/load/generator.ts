/**
 * The load of bench/api.ts, in a process of its own: takes a job as JSON on standard input, prints its result as JSON.
 */
import { readFileSync } from 'node:fs';
import { median, quantile } from '../quantile.ts';
import { type Credentials, Http2Connection, requestHead } from './http2-connection.ts';

export type Job = { credentials: Credentials } & (
  | { kind: 'create'; connections: number; seconds: number; path: string; body: string; label: string }
  | { kind: 'fill'; count: number; path: string; body: string; label: string }
  | { kind: 'get'; connections: number; seconds: number; paths: string[] }
  | { kind: 'list'; path: string; times: number; pages?: number }
  | { kind: 'watch'; watchers: number; writers: number; writes: number; path: string; body: string }
  | { kind: 'idle'; connections: number; streams: number; path: string }
);

export interface Rate {
  perSecond: number;
  /** Of the longest hundredth of the requests, the shortest. */
  p99Ms: number;
  /** All that were made, warming up included. */
  requests: number;
}

/** A name in the body of an object to create. */
export const namePlaceholder = 'NAME';
/** The last digit of the object's number. */
export const tenthPlaceholder = 'TENTH';
/** When it was sent, in microseconds of the generator's clock. */
export const timePlaceholder = 'SENT';

const sentKey = Buffer.from('"sent":"');

if (import.meta.main) {
  const job = JSON.parse(readFileSync(0, 'utf8')) as Job;
  const result = await run(job);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  // Idle watches stay until the bench has measured them and ends us.
  if (job.kind !== 'idle') process.exit();
}

function run(job: Job): Promise<unknown> {
  switch (job.kind) {
    case 'create':
      return create(job);
    case 'fill':
      return fill(job);
    case 'get':
      return get(job);
    case 'list':
      return list(job);
    case 'watch':
      return watch(job);
    case 'idle':
      return idle(job);
  }
}

async function create({
  credentials,
  connections,
  seconds,
  path,
  body,
  label,
}: Job & { kind: 'create' }): Promise<Rate> {
  const head = requestHead('POST', path);
  let n = 0;
  return repeat(credentials, connections, seconds, (connection) =>
    connection.fetch(head, Buffer.from(body.replace(namePlaceholder, `${label}-${n++}`))),
  );
}

/** So many objects, by 32 writers. */
async function fill({ credentials, count, path, body, label }: Job & { kind: 'fill' }): Promise<{ ms: number }> {
  const head = requestHead('POST', path);
  const began = performance.now();
  let next = 0;
  const write = async () => {
    const connection = await Http2Connection.connect(credentials);
    while (next < count) {
      const n = next++;
      const text = body.replaceAll(namePlaceholder, `${label}-${n}`).replace(tenthPlaceholder, String(n % 10));
      await connection.fetch(head, Buffer.from(text));
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: 32 }, write));
  return { ms: performance.now() - began };
}

async function get({ credentials, connections, seconds, paths }: Job & { kind: 'get' }): Promise<Rate> {
  const heads = paths.map((path) => requestHead('GET', path));
  let n = 0;
  return repeat(credentials, connections, seconds, (connection) => connection.fetch(heads[n++ % heads.length]!));
}

/** Each connection has one request under way at a time. */
async function repeat(
  credentials: Credentials,
  connections: number,
  seconds: number,
  once: (connection: Http2Connection) => Promise<unknown>,
): Promise<Rate> {
  const all = await Promise.all(Array.from({ length: connections }, () => Http2Connection.connect(credentials)));
  const delays: number[] = [];
  const measure = async (until: number) => {
    const began = performance.now();
    await Promise.all(
      all.map(async (connection) => {
        for (let at = performance.now(); at < until; ) {
          await once(connection);
          const now = performance.now();
          delays.push(now - at);
          at = now;
        }
      }),
    );
    return performance.now() - began;
  };
  // The server's code gets hot first.
  await measure(performance.now() + 1000);
  const warmed = delays.length;
  delays.length = 0;
  const tookMs = await measure(performance.now() + seconds * 1000);
  const p99Ms = quantile(delays, 0.99);
  return { perSecond: (delays.length * 1000) / tookMs, p99Ms, requests: delays.length + warmed };
}

/** Median time until the last byte, over one connection; with `pages`, of all pages of so many objects together. */
async function list({
  credentials,
  path,
  times,
  pages,
}: Job & { kind: 'list' }): Promise<{ ms: number; bytes: number }> {
  const connection = await Http2Connection.connect(credentials);
  const took: number[] = [];
  let bytes = 0;
  for (let n = 0; n < times; n++) {
    const began = performance.now();
    bytes = pages ? await allPages(connection, path, pages) : await connection.fetch(requestHead('GET', path));
    took.push(performance.now() - began);
  }
  return { ms: median(took), bytes };
}

async function allPages(connection: Http2Connection, path: string, limit: number): Promise<number> {
  let [token, bytes] = ['', 0];
  do {
    let start = '';
    await new Promise<void>((resolve) => {
      const data = (chunk: Buffer) => {
        bytes += chunk.length;
        if (start.length < 1000) start += chunk.toString('latin1', 0, 1000);
      };
      const target = `${path}?limit=${limit}${token && `&continue=${token}`}`;
      connection.request(requestHead('GET', target), undefined, { data, end: () => resolve() });
    });
    token = /"continue":"([^"]+)"/.exec(start)?.[1] ?? '';
  } while (token);
  return bytes;
}

async function watch(job: Job & { kind: 'watch' }) {
  const { credentials, watchers, writers, writes, path, body } = job;
  const delays: number[] = [];
  let bytes = 0;
  // How many events each watcher is to see, how many watchers have not seen them, and whom to tell when all have.
  let [wanted, behind, allSeen] = [0, 0, () => {}];
  const target = `${path}?watch=true&resourceVersion=0&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`;
  for (let n = 0; n < watchers; n++) {
    const connection = await Http2Connection.connect(credentials);
    const sampled = n % 10 === 0;
    let events = 0;
    const data = (chunk: Buffer) => {
      bytes += chunk.length;
      const before = events;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) events++;
      if (sampled) noteDelays(chunk, delays);
      if (before < wanted && events >= wanted && --behind === 0) allSeen();
    };
    connection.request(requestHead('GET', target), undefined, { data, end: () => {} });
  }
  const connections = await Promise.all(Array.from({ length: writers }, () => Http2Connection.connect(credentials)));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const head = requestHead('POST', path);
  const round = async (label: string) => {
    wanted += writes;
    behind = watchers;
    const seen = new Promise<void>((resolve) => {
      allSeen = resolve;
    });
    const began = performance.now();
    let next = 0;
    const write = async (connection: Http2Connection) => {
      while (next < writes) {
        const text = body
          .replace(namePlaceholder, `${label}-${next++}`)
          .replace(timePlaceholder, String(Math.round(performance.now() * 1000)));
        await connection.fetch(head, Buffer.from(text));
      }
    };
    await Promise.all(connections.map(write));
    const writtenMs = performance.now() - began;
    await seen;
    return { writtenMs, tookMs: performance.now() - began };
  };
  // The server's code gets hot first.
  await round('warm');
  bytes = 0;
  delays.length = 0;
  const cpu = process.cpuUsage();
  const { writtenMs, tookMs } = await round('w');
  const { user, system } = process.cpuUsage(cpu);
  return {
    eventsPerSecond: (watchers * writes * 1000) / tookMs,
    bytes,
    writtenMs,
    tookMs,
    cpuMs: (user + system) / 1000,
    p99Ms: quantile(delays, 0.99),
  };
}

function noteDelays(chunk: Buffer, delays: number[]): void {
  const now = performance.now();
  for (let at = chunk.indexOf(sentKey); at >= 0; at = chunk.indexOf(sentKey, at + 1)) {
    const from = at + sentKey.length;
    const to = chunk.indexOf(0x22, from);
    if (to > 0) delays.push(now - Number(chunk.toString('latin1', from, to)) / 1000);
  }
}

async function idle({ credentials, connections, streams, path }: Job & { kind: 'idle' }): Promise<{ open: number }> {
  let open = 0;
  for (let n = 0; n < connections; n++) {
    const connection = await Http2Connection.connect(credentials);
    const head = requestHead(
      'GET',
      `${path}?watch=true&resourceVersion=0&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    for (let i = 0; i < streams; i++, open++) connection.request(head, undefined, { end: () => {} });
    // A request behind them: when it is answered, they have been seen.
    await connection.fetch(requestHead('GET', '/version'));
  }
  return { open };
}
