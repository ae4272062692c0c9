import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

const timeoutMs = 2000;
/** Questions under way; more are refused, so that a flood cannot use up all descriptors. */
const maxInFlight = 512;

/** Passes questions on to the host's resolvers, in the order of resolv.conf(5). */
export class DnsForwarder {
  readonly #configured: string[] | undefined;
  readonly #own: Set<string>;
  /** Nameservers of /etc/resolv.conf, read again when it changes. */
  #resolvers: { mtimeMs: number; servers: string[] } = { mtimeMs: -1, servers: [] };
  #inFlight = 0;

  /** `own`: addresses that lead to ourselves, which would be asked in a circle. */
  constructor(options: { upstreams?: string[]; own: string[] }) {
    this.#configured = options.upstreams;
    this.#own = new Set(options.own);
  }

  /** The first answer to the message, with its id; undefined when nobody answers. */
  async ask(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (this.#inFlight >= maxInFlight) return undefined;
    this.#inFlight++;
    try {
      for (const server of this.#servers()) {
        const answer = await askOne(message, server, transport).catch(() => undefined);
        if (answer) return answer;
      }
      return undefined;
    } finally {
      this.#inFlight--;
    }
  }

  #servers(): string[] {
    return (this.#configured ?? this.#readResolvers()).filter((server) => !this.#own.has(server));
  }

  #readResolvers(file = '/etc/resolv.conf'): string[] {
    try {
      const { mtimeMs } = fs.statSync(file);
      if (mtimeMs !== this.#resolvers.mtimeMs)
        this.#resolvers = { mtimeMs, servers: parseResolvers(fs.readFileSync(file, 'utf8')) };
    } catch {
      return [];
    }
    return this.#resolvers.servers;
  }
}

export function parseResolvers(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
}

/** Asks under an id and from a port of our own choosing, so that nobody can guess them (RFC 5452). */
async function askOne(message: Buffer, server: string, transport: 'udp' | 'tcp'): Promise<Buffer> {
  const [host = '', port = '53'] = server.includes('#') ? server.split('#') : [server];
  const query = Buffer.from(message);
  query.writeUInt16BE(randomInt(65_536), 0);
  const answer = await (transport === 'udp' ? askUdp(query, host, Number(port)) : askTcp(query, host, Number(port)));
  const copy = Buffer.from(answer);
  message.copy(copy, 0, 0, 2);
  return copy;
}

function askUdp(query: Buffer, host: string, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
    const finish = (error?: Error, answer?: Buffer) => {
      clearTimeout(timer);
      socket.close();
      if (answer) resolve(answer);
      else reject(error);
    };
    const timer = setTimeout(() => finish(new Error(`no answer from ${host}`)), timeoutMs);
    socket.on('error', finish);
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) finish(undefined, answer);
    });
    socket.connect(port, host, () => socket.send(query));
  });
}

function askTcp(query: Buffer, host: string, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, timeout: timeoutMs }, () => socket.write(frame(query)));
    let received: Buffer = Buffer.alloc(0);
    socket.on('timeout', () => socket.destroy(new Error(`no answer from ${host}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`no answer from ${host}`)));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
      socket.destroy();
    });
  });
}

/** A message over TCP follows its length (RFC 1035 section 4.2.2). */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
