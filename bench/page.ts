/**
 * The page in Chromium: first paint from a warm server, from a reading to the screen, and frames while 10,000 threads are
 * panned. Each beside a floor of the same browser in the same run: the paint of a page with one word, an empty frame.
 *
 * Usage: node bench/page.ts [--rounds N]
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { LiveDelta } from '../src/inspect/live-types.ts';
import { makeSnapshot } from '../web/model/testing.ts';
import { median } from './quantile.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
const name = `bench-page-${process.pid}`;
const vitrine = path.join(import.meta.dirname, '../vitrine');
const run = promisify(execFile);
/** 125 containers of 82 threads and their monitors: 10,375 threads. */
const large = makeSnapshot(125, 82);

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => fs.existsSync(file));
if (!executablePath) throw new Error('no Chromium here: apt-get install chromium');

let server: ChildProcess | undefined;
let browser: Browser | undefined;
try {
  await run(vitrine, ['up', '--no-kubeconfig', '--name', name]);
  server = spawn(vitrine, ['web', '--name', name, '--port', '0', '--no-open'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout!, 'data')) as [Buffer];
  const url = line.toString().trim();
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
  browser = await chromium.launch({ executablePath, args });
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 } });
  const first = await context.newPage();
  await first.goto(url);
  await first.close();
  const { origin } = new URL(url);
  await measurePaint(context, origin);
  await measureLarge(context, origin);
} finally {
  await browser?.close();
  server?.kill('SIGTERM');
  await run(vitrine, ['delete', '--name', name]).catch(() => {});
}

/** From navigation to the first contentful paint (W3C Paint Timing), each time in a page of its own. */
async function measurePaint(context: BrowserContext, origin: string): Promise<void> {
  const plain = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>word</p>');
  });
  await once(plain.listen(0, '127.0.0.1'), 'listening');
  const floorUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  const page: number[] = [];
  const floor: number[] = [];
  for (let i = 0; i < rounds; i++) {
    floor.push(await firstPaint(context, floorUrl));
    page.push(await firstPaint(context, origin));
  }
  plain.close();
  report('first paint', median(page), 1000, 'a page with one word', median(floor));
}

async function firstPaint(context: BrowserContext, url: string): Promise<number> {
  const page = await context.newPage();
  await page.goto(url);
  const ms = (await page.evaluate(`new Promise((done) => {
    new PerformanceObserver((list) => {
      const entry = list.getEntriesByName('first-contentful-paint')[0];
      if (entry) done(entry.startTime);
    }).observe({ type: 'paint', buffered: true });
  })`)) as number;
  await page.close();
  return ms;
}

async function measureLarge(context: BrowserContext, origin: string): Promise<void> {
  const page = await context.newPage();
  // From the arrival of a message until the frame that shows it has been made: two callbacks, as the second comes after its paint.
  await page.addInitScript(`
    window.shownMs = [];
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (type, listener, ...rest) {
      if (type !== 'message' || !('bufferedAmount' in this)) return add.call(this, type, listener, ...rest);
      return add.call(this, type, (event) => {
        const arrived = performance.now();
        listener.call(this, event);
        requestAnimationFrame(() => requestAnimationFrame(() => window.shownMs.push(performance.now() - arrived)));
      }, ...rest);
    };`);
  let send = (_text: string): void => {};
  await page.routeWebSocket('**/live', (socket) => {
    send = (text) => socket.send(text);
    send(JSON.stringify(large));
  });
  await page.goto(origin);
  await page.waitForSelector('.live.live');
  for (let i = 0; i < 10; i++) {
    await page.waitForTimeout(300);
    send(JSON.stringify(change(i)));
  }
  await page.waitForTimeout(500);
  const [whole = 0, ...changes] = (await page.evaluate('window.shownMs')) as number[];
  const idle = await frames(page);
  report('10,375 threads, whole reading to screen', whole, 200, 'two empty frames', 2 * median(idle));
  report(
    '10,375 threads, a change of all processes to screen',
    median(changes),
    200,
    'two empty frames',
    2 * median(idle),
  );
  const panning = await pan(page);
  report('10,375 threads, a frame while panning (median)', median(panning), 17, 'an empty frame', median(idle));
  console.log(`  of ${panning.length} frames ${panning.filter((ms) => ms > 25).length} took longer than 25 ms`);
  await page.close();
}

/** Every process has used the CPU since the last reading. */
function change(i: number): LiveDelta {
  const processes = large.processes.map((process) => ({ ...process, cpuTicks: (i + 1) * 10 }));
  const takenAtMs = large.takenAtMs + (i + 1) * 1000;
  return { schema: 'vitrine/live-delta/v1', takenAtMs, objects: [], containers: [], processes, gone: [] };
}

/** Milliseconds between 120 frames. */
async function frames(page: Page): Promise<number[]> {
  const times = (await page.evaluate(`new Promise((done) => {
    const times = [];
    const tick = (now) => (times.push(now), times.length < 121 ? requestAnimationFrame(tick) : done(times));
    requestAnimationFrame(tick);
  })`)) as number[];
  return times.slice(1).map((time, i) => time - times[i]!);
}

async function pan(page: Page): Promise<number[]> {
  const canvas = (await page.locator('.map.workloads canvas').boundingBox())!;
  await page.mouse.move(canvas.x + 200, canvas.y + 200);
  await page.mouse.down();
  let done = false;
  const measured = frames(page).finally(() => {
    done = true;
  });
  for (let i = 0; !done; i++) await page.mouse.move(canvas.x + 200 + (i % 60) * 5, canvas.y + 200 + (i % 60) * 3);
  await page.mouse.up();
  return measured;
}

function report(what: string, ms: number, goalMs: number, floor: string, floorMs: number): void {
  const ratio = (ms / floorMs).toFixed(2);
  console.log(`${what}: ${ms.toFixed(1)} ms (goal: ${goalMs}); ${floor}: ${floorMs.toFixed(1)} ms, ratio ${ratio}`);
}
