import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { after, before, test } from 'node:test';
import packet, { type DecodedPacket, type Packet } from 'dns-packet';
import type { KubeObject } from '../api/object.ts';
import type { Resource } from '../api/resource.ts';
import { silentLogger } from '../base/log.ts';
import type { Informer, InformerFactory } from '../client/informer.ts';
import { chooseAddresses } from './choose-addresses.ts';
import { createDnsServer } from './dns.ts';
import { frame } from './dns-forward.ts';
import { dnsObjects } from './dns-objects.ts';
import type { DnsServer } from './network.ts';

const plan = { ...chooseAddresses('demo', [], []), nodeAddress: '127.0.0.1', dnsServiceIp: '127.0.0.2' };
const objects = dnsObjects(plan);
const many = {
  ...objects.slice,
  metadata: { ...objects.slice.metadata, name: 'many-1', labels: { 'kubernetes.io/service-name': 'many' } },
  endpoints: Array.from({ length: 100 }, (_, index) => ({ addresses: [`10.64.0.${index}`], conditions: {} })),
};
const headless = {
  ...objects.service,
  metadata: { ...objects.service.metadata, name: 'many' },
  spec: { clusterIP: 'None' },
};
const known: Record<string, KubeObject[]> = {
  services: [objects.service, headless] as unknown as KubeObject[],
  endpointslices: [objects.slice, many] as unknown as KubeObject[],
};

const informers = {
  informer: <T extends KubeObject>(resource: Resource<T>) => {
    const items = (known[resource.resource] ?? []) as T[];
    return {
      resource,
      synced: true,
      whenSynced: async () => {},
      get: (key: string) => items.find((item) => `${item.metadata.namespace}/${item.metadata.name}` === key),
      list: (namespace?: string) => items.filter((item) => !namespace || item.metadata.namespace === namespace),
      byIndex: () => [],
      on: (handler: { added?(object: T): void }) => {
        for (const item of items) handler.added?.(item);
        return () => {};
      },
    } as Informer<T>;
  },
} as InformerFactory;

let server: DnsServer;
let port: number;
const upstream = dgram.createSocket('udp4');

before(async () => {
  upstream.on('message', (message, from) => {
    const query = packet.decode(message);
    const name = query.questions?.[0]?.name ?? '';
    const answers: Packet['answers'] = name === 'example.org' ? [{ name, type: 'A', ttl: 9, data: '192.0.2.80' }] : [];
    upstream.send(
      packet.encode({
        type: 'response',
        id: query.id,
        flags: answers.length ? 0 : 3,
        questions: query.questions,
        answers,
      }),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
  port = await freePort();
  server = createDnsServer({
    informers,
    plan,
    port,
    log: silentLogger,
    upstreams: ['127.0.0.2', `127.0.0.1#${upstream.address().port}`],
  });
  await server.start();
});

after(async () => {
  await server.stop();
  upstream.close();
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(free));
    });
  });
}

/** The types leave out the name of the response code. */
type Decoded = DecodedPacket & { rcode: string };

function ask(message: Buffer): Promise<Decoded> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    socket.on('message', (answer) => {
      socket.close();
      resolve(packet.decode(answer) as Decoded);
    });
    socket.send(message, port, '127.0.0.1');
  });
}

const query = (name: string, more: Partial<Packet> = {}) =>
  packet.encode({ type: 'query', id: 77, flags: packet.RECURSION_DESIRED, questions: [{ name, type: 'A' }], ...more });

test('a Service is answered with authority', async () => {
  const answer = await ask(query('kube-dns.kube-system.svc.cluster.local'));
  assert.deepEqual([answer.id, answer.rcode, answer.flag_aa, answer.flag_ra], [77, 'NOERROR', true, true]);
  assert.deepEqual(
    answer.answers?.map((one) => 'data' in one && one.data),
    [plan.dnsServiceIp],
  );
});

test('a denial carries the start of authority', async () => {
  const answer = await ask(query('none.default.svc.cluster.local'));
  assert.deepEqual([answer.rcode, answer.authorities?.[0]?.type], ['NXDOMAIN', 'SOA']);
});

test('foreign names are asked upstream, and never of ourselves', async () => {
  const answer = await ask(query('example.org'));
  assert.deepEqual([answer.id, answer.answers?.map((one) => 'data' in one && one.data)], [77, ['192.0.2.80']]);
  assert.equal((await ask(query('none.example.org'))).rcode, 'NXDOMAIN');
});

test('an answer too long for UDP says so, and comes whole over TCP or with EDNS', async () => {
  const name = 'many.kube-system.svc.cluster.local';
  const short = await ask(query(name));
  assert.deepEqual([short.flag_tc, short.answers?.length], [true, 0]);
  const opt = {
    name: '.',
    type: 'OPT' as const,
    udpPayloadSize: 4096,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const large = await ask(query(name, { additionals: [opt] }));
  assert.deepEqual([large.flag_tc, large.answers?.length, large.additionals?.at(-1)?.type], [false, 100, 'OPT']);
  const overTcp = await new Promise<DecodedPacket>((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(frame(query(name))));
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 + received.readUInt16BE(0)) return;
      socket.destroy();
      resolve(packet.decode(received.subarray(2)));
    });
  });
  assert.equal(overTcp.answers?.length, 100);
});

test('nonsense is refused as such', async () => {
  const broken = Buffer.concat([query('x.org').subarray(0, 12), Buffer.from([0xff, 0xff])]);
  assert.equal((await ask(broken)).rcode, 'FORMERR');
  const notify = query('x.org');
  notify.writeUInt16BE(4 << 11, 2);
  assert.equal((await ask(notify)).rcode, 'NOTIMP');
});
