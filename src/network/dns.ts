import dgram from 'node:dgram';
import net from 'node:net';
import packet, { type Answer, type DecodedPacket, type Packet } from 'dns-packet';
import { services } from '../api/resource.ts';
import { containsAddress } from '../base/cidr.ts';
import { UserError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { InformerFactory } from '../client/informer.ts';
import type { AddressPlan } from './address-plan.ts';
import { encodeMessage } from './dns-encode.ts';
import { DnsForwarder, frame } from './dns-forward.ts';
import { type DnsData, resolve, soa } from './dns-records.ts';
import type { DnsServer } from './network.ts';
import { SliceIndex } from './slice-index.ts';

export interface DnsServerOptions {
  informers: InformerFactory;
  plan: AddressPlan;
  log: Logger;
  /** Resolvers for foreign names, 'address' or 'address#port'. @default those of /etc/resolv.conf */
  upstreams?: string[];
  /** @default 53 */
  port?: number;
  /** @default 'cluster.local' */
  zone?: string;
}

/** Response codes (RFC 1035 section 4.1.1). */
const rcode = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 };
/** What we can take and send over UDP without fragments (DNS flag day 2020). */
const udpPayloadSize = 1232;
const idleMs = 10_000;

export function createDnsServer(options: DnsServerOptions): DnsServer {
  return new ClusterDns(options);
}

/**
 * Listens on the node's own address, and on that of the Service kube-dns: each node answers its own Pods, without address
 * translation on the way (service-table.ts).
 */
class ClusterDns implements DnsServer {
  readonly #options: DnsServerOptions;
  readonly #forwarder: DnsForwarder;
  /** Of each address, while started. */
  readonly #udp: dgram.Socket[] = [];
  readonly #tcp: net.Server[] = [];
  /** Connections that are open, to be ended by stop. */
  readonly #connections = new Set<net.Socket>();
  /** Set while started. */
  #slices: SliceIndex | undefined;
  #data: DnsData | undefined;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    const { nodeAddress, dnsServiceIp } = options.plan;
    this.#forwarder = new DnsForwarder({ upstreams: options.upstreams, own: [nodeAddress, dnsServiceIp] });
  }

  async start(): Promise<void> {
    const { informers, plan, port = 53, zone = 'cluster.local', log } = this.#options;
    const slices = new SliceIndex(informers);
    const informer = informers.informer(services);
    this.#slices = slices;
    this.#data = {
      zone,
      service: (key) => informer.get(key),
      services: (namespace) => informer.list(namespace),
      slices: (key) => slices.of(key),
      ownsAddress: (ip) =>
        [plan.podCidr, plan.serviceCidr, plan.loadBalancerCidr].some((cidr) => containsAddress(cidr, ip)),
    };
    for (const address of [plan.nodeAddress, plan.dnsServiceIp])
      await this.#listen(address, port).catch((cause) => {
        throw new UserError(`cannot listen for DNS on ${address}:${port}`, {
          hint: 'another program listens on port 53 of all addresses; bind it to its own',
          cause,
        });
      });
    for (const udp of this.#udp) udp.on('error', (error) => log.warn('DNS over UDP', { error }));
  }

  async #listen(address: string, port: number): Promise<void> {
    const udp = dgram.createSocket('udp4');
    const tcp = net.createServer((socket) => this.#serveTcp(socket));
    udp.on('message', (message, from) => {
      void this.#answer(message, 'udp').then((answer) => {
        if (answer) udp.send(answer, from.port, from.address, () => {}); // a client that left is no failure
      });
    });
    await new Promise<void>((done, reject) => {
      udp.once('error', reject);
      udp.bind({ address, port }, done);
    });
    this.#udp.push(udp);
    await new Promise<void>((done, reject) => {
      tcp.once('error', reject);
      tcp.listen({ host: address, port }, done);
    });
    this.#tcp.push(tcp);
  }

  async stop(): Promise<void> {
    this.#slices?.close();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      ...this.#udp.map((udp) => new Promise<void>((done) => udp.close(() => done()))),
      ...this.#tcp.map((tcp) => new Promise<void>((done) => tcp.close(() => done()))),
    ]);
  }

  #serveTcp(socket: net.Socket): void {
    let received: Buffer = Buffer.alloc(0);
    this.#connections.add(socket);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        void this.#answer(received.subarray(2, end), 'tcp').then((answer) => answer && socket.write(frame(answer)));
        received = received.subarray(end);
      }
    });
  }

  /** undefined for what deserves no answer. */
  async #answer(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (message.length < 12 || message.readUInt16BE(2) & 0x8000) return undefined;
    let query: DecodedPacket;
    try {
      query = packet.decode(message);
    } catch {
      return errorHeader(message, rcode.formatError);
    }
    if ((message.readUInt16BE(2) >> 11) & 0xf) return errorHeader(message, rcode.notImplemented);
    if (query.questions?.length !== 1) return errorHeader(message, rcode.formatError);
    try {
      return await this.#resolve(query, message, transport);
    } catch (error) {
      this.#options.log.warn('cannot answer a DNS question', { error, name: query.questions[0]?.name });
      return errorHeader(message, rcode.serverFailure);
    }
  }

  async #resolve(query: DecodedPacket, message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const question = query.questions![0]!;
    const data = this.#data!;
    const found = question.class === 'IN' ? resolve(question, data) : undefined;
    if (!found) return (await this.#forwarder.ask(message, transport)) ?? errorHeader(message, rcode.serverFailure);
    const answers = [...shuffle(found.answers)];
    let code = found.exists ? rcode.ok : rcode.noSuchName;
    if (found.chase) {
      const chased = await this.#chase(query, found.chase);
      if (chased) answers.push(...chased);
      else code = rcode.serverFailure;
    }
    const authorities = answers.length === 0 ? [soa(data.zone)] : [];
    return encode(query, { answers, authorities, additionals: found.additionals, code }, transport);
  }

  /** The records that an ExternalName's target has in the outside world. */
  async #chase(query: DecodedPacket, name: string): Promise<Answer[] | undefined> {
    const questions = [{ ...query.questions![0]!, name }];
    const message = packet.encode({ type: 'query', id: 0, flags: packet.RECURSION_DESIRED, questions });
    const answer = await this.#forwarder.ask(message, 'udp');
    return answer && packet.decode(answer).answers;
  }
}

interface Reply {
  answers: Answer[];
  authorities: Answer[];
  additionals: Answer[];
  code: number;
}

/** The reply as bytes; over UDP, one that is longer than the client takes says only that it is (RFC 2181 section 9, RFC 6891). */
function encode(
  query: DecodedPacket,
  { answers, authorities, additionals, code }: Reply,
  transport: 'udp' | 'tcp',
): Buffer {
  const client = query.additionals?.find((record) => record.type === 'OPT');
  const opt = client
    ? [
        {
          name: '.',
          type: 'OPT',
          udpPayloadSize,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        } as Answer,
      ]
    : [];
  const recursion = ((query.flags ?? 0) & packet.RECURSION_DESIRED) | packet.RECURSION_AVAILABLE;
  const reply: Packet = {
    type: 'response',
    id: query.id,
    flags: packet.AUTHORITATIVE_ANSWER | recursion | code,
    questions: query.questions,
    answers,
    authorities,
    additionals: [...additionals, ...opt],
  };
  const bytes = encodeMessage(reply);
  const taken = client?.type === 'OPT' ? Math.max(512, client.udpPayloadSize) : 512;
  if (transport === 'tcp' || bytes.length <= Math.min(taken, 4096)) return bytes;
  const flags = reply.flags! | packet.TRUNCATED_RESPONSE;
  return packet.encode({ ...reply, flags, answers: [], authorities: [], additionals: opt });
}

/** A reply without records to a message that may not even be decodable. */
function errorHeader(message: Buffer, code: number): Buffer {
  const header = Buffer.alloc(12);
  message.copy(header, 0, 0, 4);
  header.writeUInt16BE(0x8000 | (message.readUInt16BE(2) & 0x7900) | packet.RECURSION_AVAILABLE | code, 2);
  return header;
}

/** Addresses in another order each time: clients use the first. */
function shuffle(answers: Answer[]): Answer[] {
  if (answers.length < 2 || answers.some((answer) => answer.type === 'CNAME')) return answers;
  const start = Math.floor(Math.random() * answers.length);
  return [...answers.slice(start), ...answers.slice(0, start)];
}
