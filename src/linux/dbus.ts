import fs from 'node:fs';
import { type DbusMessage, type DbusValue, decodeMessage, encodeMessage } from './dbus-message.ts';
import { connectDescriptors, receive, send, whenReadable } from './descriptor-socket.ts';

export interface DbusCall {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: DbusValue[];
}

export interface DbusReply {
  body: DbusValue[];
  /** Which the caller closes; 'h' values of the body are their places. */
  descriptors: number[];
}

const bus = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
/** Of a bus to a line of the greeting, and of others to a call. */
const answerMs = 5000;

/** Where the system's message bus listens. */
export function systemBusPath(environment: NodeJS.ProcessEnv = process.env): string {
  const [, path] = /^unix:path=([^,;]+)/.exec(environment.DBUS_SYSTEM_BUS_ADDRESS ?? '') ?? [];
  return path ?? '/run/dbus/system_bus_socket';
}

/** A connection to a message bus, as much of it as calls, signals and passed descriptors need. */
export class DbusConnection {
  readonly #path: string;
  readonly #fd: number;
  readonly #stopReading: () => void;
  /** Bytes that are not a whole message yet. */
  #unread = Buffer.alloc(0);
  /** Descriptors that have come and belong to messages yet to be read, in order. */
  #descriptors: number[] = [];
  #serial = 0;
  readonly #calls = new Map<number, PromiseWithResolvers<DbusReply>>();
  readonly #signals = new Set<(message: DbusMessage) => void>();
  /** Lines of the greeting, until that is over. */
  #greeting: PromiseWithResolvers<string> | undefined;
  readonly #closed: (error: Error) => void;
  #isClosed = false;

  /** @param closed told when the bus has gone */
  private constructor(path: string, closed: (error: Error) => void) {
    this.#path = path;
    this.#closed = closed;
    this.#fd = connectDescriptors(path);
    this.#stopReading = whenReadable(this.#fd, () => this.#read());
  }

  /** Connects and says hello (spec, "Authentication Protocol": EXTERNAL, by our user id). */
  static async open(path: string, closed: (error: Error) => void): Promise<DbusConnection> {
    const connection = new DbusConnection(path, closed);
    try {
      const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
      await connection.#greet(`\0AUTH EXTERNAL ${uid}\r\n`, 'OK');
      await connection.#greet('NEGOTIATE_UNIX_FD\r\n', 'AGREE_UNIX_FD');
      send(connection.#fd, Buffer.from('BEGIN\r\n'), path);
      await connection.call({ ...bus, member: 'Hello' });
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async call(request: DbusCall): Promise<DbusReply> {
    const serial = ++this.#serial;
    send(this.#fd, encodeMessage({ type: 'call', serial, ...request }), this.#path);
    const answer = Promise.withResolvers<DbusReply>();
    this.#calls.set(serial, answer);
    return inTime(answer)
      .catch((cause) => {
        throw new Error(`D-Bus call ${request.interface}.${request.member} failed`, { cause });
      })
      .finally(() => this.#calls.delete(serial));
  }

  /** Calls `fn` for each signal of this interface and name. */
  async onSignal(from: { interface: string; member: string }, fn: (body: DbusValue[]) => void): Promise<void> {
    this.#signals.add((message) => {
      if (message.interface === from.interface && message.member === from.member) fn(message.body ?? []);
    });
    const rule = `type='signal',interface='${from.interface}',member='${from.member}'`;
    await this.call({ ...bus, member: 'AddMatch', signature: 's', body: [rule] });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopReading();
    fs.closeSync(this.#fd);
    for (const fd of this.#descriptors) fs.closeSync(fd);
    const error = new Error(`connection to ${this.#path} is closed`);
    for (const { reject } of this.#calls.values()) reject(error);
    this.#greeting?.reject(error);
  }

  async #greet(line: string, expected: string): Promise<void> {
    send(this.#fd, Buffer.from(line), this.#path);
    this.#greeting = Promise.withResolvers<string>();
    const answer = await inTime(this.#greeting);
    this.#greeting = undefined;
    if (!answer.startsWith(expected)) throw new Error(`${this.#path} refuses us: ${answer}`);
  }

  #read(): void {
    try {
      for (;;) {
        const received = receive(this.#fd, this.#path);
        if (!received) break;
        if (received.bytes.length === 0) throw new Error(`${this.#path} has closed the connection`);
        this.#descriptors.push(...received.descriptors);
        this.#unread = Buffer.concat([this.#unread, received.bytes]);
      }
      this.#take();
    } catch (error) {
      if (this.#isClosed) return;
      this.close();
      this.#closed(error as Error);
    }
  }

  #take(): void {
    if (this.#greeting) {
      const end = this.#unread.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#unread.subarray(0, end).toString();
      this.#unread = this.#unread.subarray(end + 2);
      this.#greeting.resolve(line);
      return;
    }
    for (let next = decodeMessage(this.#unread); next; next = decodeMessage(this.#unread)) {
      this.#unread = this.#unread.subarray(next.length);
      const descriptors = this.#descriptors.splice(0, next.message.descriptors ?? 0);
      this.#handle(next.message, descriptors);
    }
  }

  #handle(message: DbusMessage, descriptors: number[]): void {
    const waiting = this.#calls.get(message.replySerial ?? 0);
    if (message.type === 'reply' && waiting) {
      waiting.resolve({ body: message.body ?? [], descriptors });
      return;
    }
    for (const fd of descriptors) fs.closeSync(fd);
    if (message.type === 'error') waiting?.reject(new Error(`${message.errorName}: ${message.body?.[0] ?? ''}`));
    else if (message.type === 'signal') for (const signal of this.#signals) signal(message);
  }
}

/** What comes, or an error once it takes too long. */
function inTime<T>({ promise, reject }: PromiseWithResolvers<T>): Promise<T> {
  const timer = setTimeout(() => reject(new Error(`no answer within ${answerMs} ms`)), answerMs).unref();
  return promise.finally(() => clearTimeout(timer));
}
