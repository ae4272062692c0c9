import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { WebSocket } from 'ws';
import { makeSnapshot } from '../../web/model/testing.ts';
import { startTestCluster, type TestCluster } from '../cluster/fixture/cluster.ts';
import { deployment, service, shell } from '../cluster/fixture/objects.ts';
import { until } from '../cluster/fixture/until.ts';

const root = path.join(import.meta.dirname, '../..');
const vitrine = path.join(root, 'vitrine');
const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  fs.existsSync(file),
);
const skip = executable
  ? process.getuid?.() === 0
    ? false
    : 'needs root'
  : 'no Chromium here: apt-get install chromium';
const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const shots = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-web-'));
let cluster: TestCluster;
let server: ChildProcess;
let url: string;
let origin: string;
let browser: Browser;
let page: Page;
/** What the page asked for, and what it complained about. */
const asked: string[] = [];
const complaints: string[] = [];

before(
  async () => {
    if (skip) return;
    cluster = await startTestCluster();
    const space = await cluster.space('life');
    const talk = 'while true; do echo "<b>served</b> at $(date)"; sleep 1; done';
    await space.apply(deployment('shop', 2, shell(talk)), service('shop', 'shop'));
    await space.kubectl('rollout status deployment/shop --timeout=60s');
    server = spawn(vitrine, ['web', '--name', cluster.name, '--port', '0', '--no-open'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    url = await firstLine(server);
    origin = new URL(url).origin;
    browser = await chromium.launch({ executablePath: executable!, args: chromiumFlags });
    const context = await browser.newContext({
      viewport: { width: 1400, height: 860 },
      reducedMotion: 'reduce',
      locale: 'en-US',
    });
    page = await context.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    page.on('pageerror', (error) => complaints.push(String(error)));
  },
  { timeout: 60_000 },
);

after(async () => {
  if (skip) return;
  await browser?.close();
  server?.kill('SIGTERM');
  await cluster?.delete();
  if (!process.env.KEEP_SCREENSHOTS) fs.rmSync(shots, { recursive: true, force: true });
  else console.log(`screenshots: ${shots}`);
});

test('nobody gets in without the token, under another name, or from another site', { skip }, async () => {
  const status = async (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    (await request(path, headers, method)).status;
  assert.equal(await status('/'), 401);
  assert.equal(await status('/k8s/api/v1/pods'), 401);
  assert.equal(await status('/?token=wrong'), 403);
  assert.equal(await status('/', { host: 'evil.example' }), 421);
  assert.equal(await status('/', { origin: 'https://evil.example' }), 403);
  assert.equal(await status('/k8s/api/v1/namespaces', {}, 'POST'), 403);
  assert.equal(await socketStatus('/live', { origin }), 401);
  assert.equal(await socketStatus('/live', { origin: 'https://evil.example' }), 403);
  assert.equal(await socketStatus('/live', {}), 403);
});

test('the URL lets one browser in, once, and leaves no token in the address', { skip }, async () => {
  const answer = await page.goto(url);
  assert.equal(page.url(), `${origin}/`);
  assert.match(answer!.headers()['content-security-policy'] ?? '', /default-src 'none'; script-src 'self';/);
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict']);
  const again = new URL(url);
  assert.equal((await request(`${again.pathname}${again.search}`)).status, 403);
});

test('the map shows the workloads; pointing at a thing lights its line in both views', { skip }, async () => {
  await page.waitForSelector('.live.live');
  await untilText('.totals', /Containers2/);
  await choose('shop deployment');
  await page.screenshot({ path: path.join(shots, 'deployment.png') });
  assert.match(await page.textContent('.panel h2').then(String), /shop/);
  // Namespace boxes are no things: Service, Deployment, ReplicaSet, and for each of 2 Pods: Pod, container, process(es).
  const lit = Number(await page.getAttribute('.map.workloads canvas', 'data-lit'));
  assert.ok(lit >= 3 + 2 * 3, `${lit} lit among the workloads`);
  const beyond = Number(await page.getAttribute('.map.control-plane canvas', 'data-lit'));
  assert.ok(beyond >= 1 + 2 * 3, `${beyond} lit on the node: it, Pods, containers, monitors`);
});

test('zooming goes on from the cluster to one thread', { skip }, async () => {
  await choose('shop- pod');
  const canvas = (await page.locator('.map.workloads canvas').boundingBox())!;
  const scale = async () => Number(await page.getAttribute('.map.workloads canvas', 'data-scale'));
  const before = await scale();
  await page.locator('.map.workloads canvas').focus();
  // Pod, container, process, thread.
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(300);
  assert.ok((await scale()) > before * 2, `${before} to ${await scale()}`);
  assert.equal(await page.textContent('.panel-head .kind'), 'Thread');
  assert.deepEqual(await page.locator('.line .kind').allTextContents(), [
    'Service',
    'Deployment',
    'ReplicaSet',
    'Pod',
    'Container',
    'Process',
    'Thread',
  ]);
  await page.mouse.move(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
  for (let i = 0; i < 30; i++) await page.mouse.wheel(0, 400);
  await page.waitForTimeout(200);
  assert.ok((await scale()) < before);
  await page.mouse.move(0, 0);
});

test('the panel has YAML, events, logs that go on, and a terminal', { skip }, async () => {
  await choose('shop- pod');
  await page.click('#tab-yaml');
  await untilText('.tab pre', /served/);
  await page.click('#tab-events');
  await untilText('.events', /Started/);
  await page.click('#tab-logs');
  await untilText('.tab pre', /<b>served<\/b> at/);
  const seen = (await textOf('.tab pre')).split('\n').length;
  await until('more lines of the log', async () => (await textOf('.tab pre')).split('\n').length > seen);
  await page.click('#tab-terminal');
  await untilText('.xterm-rows', /#/);
  await page.keyboard.type('echo $((6*7))-is-it\r');
  await untilText('.xterm-rows', /42-is-it/);
  await page.screenshot({ path: path.join(shots, 'terminal.png') });
});

test('the panel says why an object does not work', { skip }, async () => {
  const space = await cluster.space('trouble');
  await space.apply(deployment('absent', 1, { name: 'main', image: 'localhost:1/no/such:image' }));
  await page.reload();
  await page.waitForSelector('.live.live');
  await choose('absent deployment');
  await page.click('#tab-why');
  await untilText('.findings .error', /localhost:1\/no\/such:image/);
  await page.screenshot({ path: path.join(shots, 'why.png') });
  await choose('shop deployment');
  await page.click('#tab-why');
  await untilText('.tab .notice', /Nothing is wrong/);
  await page.click('#tab-overview');
  await space.kubectl('delete deployment absent');
});

test('scaling and deleting ask first, then do it', { skip }, async () => {
  await choose('shop deployment');
  await page.click('.actions .scale');
  await page.fill('dialog input', '3');
  await page.click('dialog .go');
  await untilText('.facts', /3\/3/);
  await choose('shop service');
  await page.click('.actions .delete');
  await page.click('dialog .buttons button:first-child');
  await page.click('.actions .delete');
  await page.click('dialog .go');
  await page.waitForSelector('text=It is gone.');
});

test('it can be used on a phone, and in Korean', { skip }, async () => {
  const context = await browser.newContext({
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    locale: 'ko-KR',
    colorScheme: 'dark',
    storageState: await page.context().storageState(),
  });
  const phone = await context.newPage();
  await phone.goto(origin);
  await phone.waitForSelector('.live.live');
  assert.match(String(await phone.textContent('.segments.views')), /워크로드/);
  await phone.tap('#search');
  await phone.fill('#search', 'shop deployment');
  await phone.tap('#finding-0');
  await phone.waitForSelector('.panel');
  assert.equal(await phone.textContent('.panel-head .kind'), '디플로이먼트');
  // Nothing sticks out to the side, and what is tapped most is large enough for a thumb (WCAG 2.2, 2.5.8: 24 px).
  const widest = await phone.evaluate('document.documentElement.scrollWidth');
  assert.equal(widest, 390);
  for (const tab of await phone.locator('.tabs button').all()) assert.ok((await tab.boundingBox())!.height >= 24);
  await phone.screenshot({ path: path.join(shots, 'phone.png') });
  await context.close();
});

test('10,000 threads are drawn without a dropped beat', { skip }, async (t) => {
  const context = await browser.newContext({
    viewport: { width: 1400, height: 860 },
    storageState: await page.context().storageState(),
  });
  const large = await context.newPage();
  await large.routeWebSocket('**/live', (socket) => socket.send(JSON.stringify(makeSnapshot(125, 82))));
  await large.goto(origin);
  await large.waitForSelector('.live.live');
  const canvas = (await large.locator('.map.workloads canvas').boundingBox())!;
  await large.mouse.move(canvas.x + 200, canvas.y + 200);
  await large.mouse.down();
  const frames = large.evaluate(`new Promise((done) => {
    const times = [];
    const tick = (now) => (times.push(now), times.length < 60 ? requestAnimationFrame(tick) : done(times));
    requestAnimationFrame(tick);
  })`) as Promise<number[]>;
  for (let i = 0; i < 40; i++) await large.mouse.move(canvas.x + 200 + i * 5, canvas.y + 200 + i * 2);
  const times = await frames;
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const median = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)]!;
  await large.screenshot({ path: path.join(shots, 'large.png') });
  await context.close();
  t.diagnostic(`median ${median.toFixed(1)} ms between frames while panning ${125 * 83} threads`);
  // 60 a second is 16.7 ms; a machine that draws in software and has other work may miss every other frame.
  assert.ok(median < 34, `${median.toFixed(1)} ms between frames`);
});

test('it has asked no other site for anything and broken no rule of its policy', { skip }, () => {
  assert.deepEqual(
    asked.filter((address) => !address.startsWith(`${origin}/`) && !address.startsWith('data:')),
    [],
  );
  assert.deepEqual(complaints, []);
});

/** Finds by the search box, chooses, and flies there. */
async function choose(text: string): Promise<void> {
  await page.fill('#search', text);
  await page.waitForSelector('#finding-0');
  await page.keyboard.press('Enter');
  await page.fill('#search', '');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(300);
}

const textOf = async (selector: string): Promise<string> =>
  (await page.locator(selector).first().textContent({ timeout: 60_000 })) ?? '';

/** Asked from outside: the page's policy forbids what Playwright's own waiting does in it. */
const untilText = (selector: string, pattern: RegExp) =>
  until(`${pattern} in ${selector}`, async () => pattern.test(await textOf(selector)));

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.trim().split('\n')[0]!);
    });
    child.once('exit', (code) => reject(new Error(`vitrine web ended with ${code}: ${text}`)));
  });
}

function request(target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status: number }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const sent = http.request({ hostname, port, path: target, method, headers }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0 });
    });
    sent.once('error', reject).end();
  });
}

function socketStatus(target: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}${target}`, { headers });
    socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode ?? 0));
    socket.on('open', () => reject(new Error(`${target} was opened`)));
    socket.on('error', () => {});
  });
}
