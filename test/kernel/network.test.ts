import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import { after, before, test } from 'node:test';
import type { Service } from '../../src/api/generated/core-v1.ts';
import type { EndpointSlice } from '../../src/api/generated/discovery-v1.ts';
import { type KubeObject, keyOf } from '../../src/api/object.ts';
import type { Resource } from '../../src/api/resource.ts';
import { createLogger } from '../../src/base/log.ts';
import type { Informer, InformerFactory, InformerHandler } from '../../src/client/informer.ts';
import type { Linux } from '../../src/linux/linux.ts';
import { openLinux } from '../../src/linux/open.ts';
import type { AddressPlan } from '../../src/network/address-plan.ts';
import { createDnsServer } from '../../src/network/dns.ts';
import { dnsObjects } from '../../src/network/dns-objects.ts';
import type { PodNetwork, ServiceProxy } from '../../src/network/network.ts';
import { createPodNetwork } from '../../src/network/pod-network.ts';
import { podRules, podTable } from '../../src/network/pod-rules.ts';
import { createServiceProxy } from '../../src/network/service-proxy.ts';
import { tableSkeleton } from '../../src/network/service-table.ts';
import { until } from '../cluster/fixture/until.ts';
import { claimedPlan } from './claimed-plan.ts';

const log = createLogger('test', { level: 'warn' });
const clusterName = `test-${process.pid}`;
let linux: Linux;
let directory: string;
let network: PodNetwork;
let proxy: ServiceProxy;
let plan: AddressPlan;
let neighbour: AddressPlan;
let forwarding: string | undefined;
const ips = { a: '', b: '' };
const servers: ChildProcess[] = [];
const objects = new Map<string, Map<string, KubeObject>>();
const handlers = new Map<string, Set<InformerHandler<KubeObject>>>();

/** Informers over a map that the test changes by `apply`. */
const informers = {
  informer: <T extends KubeObject>(resource: Resource<T>) => {
    const all = () => objects.getOrInsertComputed(resource.resource, () => new Map()) as unknown as Map<string, T>;
    return {
      resource,
      synced: true,
      whenSynced: async () => {},
      get: (key: string) => all().get(key),
      list: () => [...all().values()],
      byIndex: () => [],
      on: (handler: InformerHandler<T>) => {
        const set = handlers.getOrInsertComputed(resource.resource, () => new Set());
        set.add(handler as unknown as InformerHandler<KubeObject>);
        for (const object of all().values()) handler.added?.(object);
        return () => void set.delete(handler as unknown as InformerHandler<KubeObject>);
      },
    } satisfies Informer<T>;
  },
  start: () => {},
  whenSynced: async () => {},
  stop: () => {},
} as InformerFactory;

async function apply(resource: string, object: KubeObject): Promise<void> {
  const all = objects.getOrInsertComputed(resource, () => new Map());
  const previous = all.get(keyOf(object));
  all.set(keyOf(object), object);
  for (const handler of handlers.get(resource) ?? []) {
    if (previous) handler.updated?.(object, previous);
    else handler.added?.(object);
  }
  await proxy.whenSynced();
}

const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
});
const host = (offset: number) => plan.serviceCidr.replace('0.0/17', `1.${offset}`);
const balancer = () => plan.loadBalancerCidr.replace('128.0/18', '128.7');

function service(name: string, spec: Service['spec'], status: Service['status'] = {}): Promise<void> {
  const object: Service = { apiVersion: 'v1', kind: 'Service', metadata: metadata(name), spec, status };
  return apply('services', object);
}

function slice(name: string, addresses: string[], port = 8080, protocol: 'TCP' | 'UDP' = 'TCP'): Promise<void> {
  const object: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata(`${name}-1`), labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ port, protocol }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, nodeName: 'here' })),
  };
  return apply('endpointslices', object);
}

const patienceMs = 30_000;

/** What a server answers to a connection: 'name client-address'. From the host, or from a Pod. */
async function get(address: string, port: number, pod?: 'a' | 'b', timeoutMs = patienceMs): Promise<string> {
  const script = `exec 3<>/dev/tcp/${address}/${port} || exit 7; cat <&3`;
  const enter = pod ? ['nsenter', `--net=${directory}/${pod}`] : [];
  const result = await linux.processes.run([...enter, 'bash', '-c', script], { timeoutMs });
  if (result.timedOut) return 'timeout';
  if (/refused/i.test(result.stderr)) return 'refused';
  return result.stdout || result.stderr;
}

before(async () => {
  linux = await openLinux({ log });
  forwarding = linux.sysctl.get('net.ipv4.ip_forward');
  directory = fs.mkdtempSync('/run/vitrine-test-');
  plan = await claimedPlan(clusterName);
  network = createPodNetwork({ linux, plan, stateDir: `${directory}/network`, clusterName, log });
  await network.open();
  for (const name of ['a', 'b'] as const) {
    await linux.namespaces.create({ net: `${directory}/${name}` });
    ips[name] = (await network.attach(name, `${directory}/${name}`)).ip;
    const program = `const net = require('node:net'); net.createServer((c) => c.end('${name} ' + c.remoteAddress)).listen(8080, '0.0.0.0', () => console.log('up'));
      const udp = require('node:dgram').createSocket('udp4'); udp.on('message', (m, from) => udp.send('${name} ' + from.address, from.port, from.address)).bind(5353)`;
    const server = spawn('nsenter', [`--net=${directory}/${name}`, process.execPath, '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    servers.push(server);
    await new Promise((resolve) => server.stdout!.once('data', resolve));
  }
  // Another cluster of this machine, whose rules are not for ours.
  neighbour = await claimedPlan(`${clusterName}-neighbour`);
  await linux.nft.apply(podRules(neighbour, 'vtneighbour-') + tableSkeleton(neighbour));
  proxy = createServiceProxy({ informers, linux, plan, nodeName: 'here', log });
  await proxy.start();
  await proxy.whenSynced();
});

after(async () => {
  await proxy.stop();
  for (const server of servers) {
    server.kill('SIGKILL');
    await new Promise((resolve) => server.once('exit', resolve));
  }
  for (const name of ['a', 'b']) await linux.namespaces.remove({ net: `${directory}/${name}` });
  await network.removeAll();
  await linux.nft.apply(`delete table ip ${neighbour.nftTable}; delete table ip ${podTable(neighbour)}`);
  const links = (await linux.net.links()).map((link) => link.name);
  const routes = (await linux.net.routes()).map((route) => route.destination);
  const tables = await linux.nft.list('list tables');
  const forwardingNow = linux.sysctl.get('net.ipv4.ip_forward');
  await linux.cgroups.release();
  await linux.close();
  fs.rmSync(directory, { recursive: true });
  assert.ok(!links.some((name) => name === plan.hostLink), 'no link is left');
  assert.ok(!routes.some((route) => route === plan.podCidr || route === plan.serviceCidr), 'no route is left');
  assert.ok(!tables.includes(clusterName), 'no table is left');
  assert.equal(forwardingNow, forwarding);
});

test('Pods reach each other and the host reaches them, each seeing who calls', async () => {
  assert.equal(await get(ips.b, 8080, 'a'), `b ${ips.a}`);
  assert.equal(await get(ips.a, 8080), `a ${plan.nodeAddress}`);
});

test('a Service answers at its ClusterIP, node port and load balancer, from the host and from a Pod', async () => {
  const spec: Service['spec'] = { type: 'LoadBalancer', clusterIP: host(20), ports: [{ port: 80, nodePort: 31080 }] };
  await service('web', spec, { loadBalancer: { ingress: [{ ip: balancer() }] } });
  assert.equal(await get(host(20), 80), 'refused', 'no endpoints yet: refused at once on the host');
  assert.equal(await get(host(20), 80, 'a'), 'refused', 'and in a Pod');
  assert.equal(await get(plan.nodeAddress, 31080), 'refused');
  assert.equal(await get(plan.nodeAddress, 31080, 'a'), 'refused');
  await slice('web', [ips.b]);
  const addresses: [string, number][] = [
    [host(20), 80],
    [balancer(), 80],
    [plan.nodeAddress, 31080],
  ];
  for (const [address, port] of addresses) {
    assert.equal(await get(address, port), `b ${plan.nodeAddress}`);
    assert.equal(await get(address, port, 'a'), `b ${ips.a}`);
  }
  const outside = Object.values(os.networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal && one.address !== plan.nodeAddress);
  if (outside) assert.equal(await get(outside.address, 31080), `b ${outside.address}`);
});

test('a Pod reaches itself through its Service', async () => {
  await service('self', { clusterIP: host(21), ports: [{ port: 80 }] });
  await slice('self', [ips.a]);
  assert.match(await get(host(21), 80, 'a'), /^a /);
});

test('connections are spread over the endpoints, and with affinity they stay', async () => {
  await service('spread', { clusterIP: host(22), ports: [{ port: 80 }] });
  await slice('spread', [ips.a, ips.b]);
  await service('sticky', { clusterIP: host(23), sessionAffinity: 'ClientIP', ports: [{ port: 80 }] });
  await slice('sticky', [ips.a, ips.b]);
  const ask = async (address: string) => {
    const answers = [];
    for (let i = 0; i < 24; i++) answers.push((await get(address, 80)).split(' ')[0]);
    return [...new Set(answers)].sort();
  };
  assert.deepEqual(await ask(host(22)), ['a', 'b']);
  const [first, ...others] = await ask(host(23));
  assert.equal(others.length, 0);
  await slice('sticky', [first === 'a' ? ips.b : ips.a]);
  assert.deepEqual(await ask(host(23)), [first === 'a' ? 'b' : 'a'], 'an endpoint that is gone is forgotten');
});

test('UDP is balanced too', async () => {
  await service('udp', { clusterIP: host(24), ports: [{ port: 53, protocol: 'UDP' }] });
  await slice('udp', [ips.b], 5353, 'UDP');
  const script = `exec 3<>/dev/udp/${host(24)}/53; echo -n x >&3; timeout 30 head -c ${`b ${ips.a}`.length} <&3`;
  const answer = await linux.processes.run(['nsenter', `--net=${directory}/a`, 'bash', '-c', script], {
    timeoutMs: patienceMs,
  });
  assert.equal(answer.stdout, `b ${ips.a}`);
});

test('a UDP client that goes on sending finds the endpoint that replaced its own', async () => {
  const program = `const s = require('node:dgram').createSocket('udp4'); s.on('message', (m) => console.log(String(m)[0]));
    s.bind(0, () => setInterval(() => s.send('x', 53, '${host(24)}'), 50)); setTimeout(() => process.exit(), 60000)`;
  const client = spawn('nsenter', [`--net=${directory}/a`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let latest = '';
  client.stdout.on('data', (data) => {
    latest = String(data).trim().slice(-1);
  });
  await until('the endpoint answers', () => latest === 'b');
  await slice('udp', [ips.a], 5353, 'UDP');
  await until('the other one answers', () => latest === 'a');
  client.kill('SIGKILL');
});

test('a Service that changes or goes takes its rules along', async () => {
  await service('web', { clusterIP: host(20), ports: [{ port: 81 }] });
  assert.equal(await get(host(20), 80), 'refused');
  assert.match(await get(host(20), 81), /^b /);
  objects.get('services')?.delete('default/web');
  for (const handler of handlers.get('services') ?? [])
    handler.deleted?.({ apiVersion: 'v1', kind: 'Service', metadata: metadata('web') });
  await proxy.whenSynced();
  assert.equal(await get(host(20), 81), 'refused');
  assert.ok(!(await linux.nft.list(`list table ip ${plan.nftTable}`)).includes('default/web/'));
});

/** A program that asks for A and AAAA at once, as the C library does, from `count` ports, and tells how many answers came. */
function askInPairs(server: string, count: number): string {
  const message = (id: number, type: number) => {
    const labels = ['self', 'default', 'svc', 'cluster', 'local', ''];
    const name = Buffer.concat(labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])));
    const tail = Buffer.concat([name, Buffer.from([0, type, 0, 1])]);
    return Buffer.concat([Buffer.from([0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), tail]).toString('hex');
  };
  return `const pairs = ${JSON.stringify([message(1, 1), message(2, 28)])}.map((one) => Buffer.from(one, 'hex'));
    let [answers, open] = [0, 0];
    const tell = () => { console.log(answers + ' of ${2 * count}'); process.exit(); };
    setTimeout(tell, 25000);
    const next = () => {
      if (open++ === ${count}) return;
      const socket = require('node:dgram').createSocket('udp4');
      let mine = 0;
      socket.on('message', () => {
        if (++answers === ${2 * count}) tell();
        if (++mine === 2) { socket.close(); next(); }
      });
      socket.connect(53, '${server}', () => pairs.forEach((one) => socket.send(one)));
    };
    for (let i = 0; i < 10; i++) next();`;
}

test('Pods resolve names through the Service kube-dns', async () => {
  const { service: object, slice: endpoints } = dnsObjects(plan);
  const stored = { uid: '', resourceVersion: '1', creationTimestamp: '' };
  await apply('services', { ...object, metadata: { ...object.metadata, ...stored } } as KubeObject);
  await apply('endpointslices', { ...endpoints, metadata: { ...endpoints.metadata, ...stored } } as KubeObject);
  const dns = createDnsServer({ informers, plan, log, upstreams: [] });
  await dns.start();
  const program = `const { Resolver } = require('node:dns'); const r = new Resolver({ timeout: 10000, tries: 1 }); r.setServers(['${plan.dnsServiceIp}']);
    r.resolve4('self.default.svc.cluster.local', (error, found) => console.log(error?.code ?? found.join()))`;
  const inPod = (script: string) =>
    linux.processes.run(['nsenter', `--net=${directory}/a`, process.execPath, '-e', script], { timeoutMs: patienceMs });
  const answer = await inPod(program);
  const pairs = await inPod(askInPairs(plan.dnsServiceIp, 100));
  const ruleset = await linux.nft.list('list ruleset');
  const tracked = fs.existsSync('/proc/net/nf_conntrack') ? fs.readFileSync('/proc/net/nf_conntrack', 'latin1') : '';
  await dns.stop();
  // Two packets of one port at the same moment: with address translation conntrack may drop one of them.
  assert.equal(pairs.stdout.trim(), '200 of 200', pairs.stderr);
  assert.doesNotMatch(tracked, new RegExp(`dst=${plan.dnsServiceIp.replaceAll('.', '\\.')} sport=\\d+ dport=53 `));
  assert.match(ruleset, new RegExp(`ip daddr ${plan.dnsServiceIp} .* notrack`));
  assert.equal(answer.stdout.trim(), host(21));
});

test('a host port leads to its Pod from everywhere, until the Pod is gone', async () => {
  await linux.namespaces.create({ net: `${directory}/c` });
  const { ip } = await network.attach('c', `${directory}/c`, [
    { protocol: 'TCP', hostPort: 31081, containerPort: 8080 },
    { protocol: 'TCP', hostPort: 31082, hostIP: '127.0.0.1', containerPort: 8080 },
  ]);
  const program = `require('node:net').createServer((c) => c.end('c ' + c.remoteAddress)).listen(8080, '0.0.0.0', () => console.log('up'))`;
  const server = spawn('nsenter', [`--net=${directory}/c`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    assert.equal(await get(plan.nodeAddress, 31081), `c ${plan.nodeAddress}`);
    assert.match(await get('127.0.0.1', 31081), /^c /);
    assert.match(await get('127.0.0.1', 31082), /^c /);
    assert.equal(await get(plan.nodeAddress, 31082), 'refused');
    assert.equal(await get(plan.nodeAddress, 31081, 'a'), `c ${ips.a}`);
    const nsenter = ['nsenter', `--net=${directory}/c`, 'bash', '-c'];
    const own = await linux.processes.run(
      [...nsenter, `exec 3<>/dev/tcp/${plan.nodeAddress}/31081 || exit 7; cat <&3`],
      { timeoutMs: patienceMs },
    );
    assert.match(own.stdout, /^c /, 'the Pod reaches itself by it');
    await network.open();
    assert.equal(await get(plan.nodeAddress, 31081), `c ${plan.nodeAddress}`, 'an agent that starts again keeps it');
  } finally {
    server.kill('SIGKILL');
    await network.detach('c');
    await linux.namespaces.remove({ net: `${directory}/c` });
  }
  assert.ok(!(await linux.nft.list('list ruleset')).includes(`${ip} . 8080`));
  assert.equal(await get(plan.nodeAddress, 31081), 'refused');
});

test('Pods get through a firewall that lets nothing pass by itself, and to what the node serves, as with Docker and ufw', async (t) => {
  if ((await linux.nft.list('list tables')).includes('table ip filter')) return t.skip('the host has one of its own');
  // Other clusters of this machine go on meanwhile.
  const others = `ip saddr != ${plan.podCidr} ip daddr != ${plan.podCidr} accept`;
  const closed = ['FORWARD', 'INPUT'].map((hook) => {
    const chain = `ip filter ${hook}`;
    const type = `type filter hook ${hook.toLowerCase()} priority 0; policy drop;`;
    return `add chain ${chain} { ${type} }; add rule ${chain} ${others}`;
  });
  const server = createServer((socket) => void socket.on('error', () => {}).end('node')).listen(0, plan.nodeAddress);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await linux.nft.apply(`add table ip filter; ${closed.join('; ')}`);
  try {
    assert.equal(await get(ips.b, 8080, 'a', 4000), 'timeout');
    assert.equal(await get(plan.nodeAddress, port, 'a', 4000), 'timeout');
    await network.open();
    await network.open();
    assert.equal(await get(ips.b, 8080, 'a'), `b ${ips.a}`);
    assert.equal(await get(plan.nodeAddress, port, 'a'), 'node');
    for (const [chain, sides] of [
      ['FORWARD', 2],
      ['INPUT', 1],
    ] as const) {
      const rules = await linux.nft.list(`list chain ip filter ${chain}`);
      // Clusters that start meanwhile add theirs.
      const found = Map.groupBy(rules.match(/[io]ifname "[^"]+"/g) ?? [], (side) => side.slice('iifname '.length));
      assert.ok(found.size > 0);
      for (const [prefix, rules] of found) assert.equal(rules.length, sides, prefix);
    }
  } finally {
    await linux.nft.apply('delete table ip filter');
    server.close();
  }
});

test('an agent that starts again keeps the addresses', async () => {
  const again = createPodNetwork({ linux, plan, stateDir: `${directory}/network`, clusterName, log });
  await again.open();
  await again.retain(['a', 'b']);
  assert.deepEqual([again.address('a')?.ip, again.address('b')?.ip], [ips.a, ips.b]);
  assert.equal(await get(ips.b, 8080, 'a'), `b ${ips.a}`);
});
