import assert from 'node:assert/strict';
import net from 'node:net';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { until } from '../../../../test/cluster/fixture/until.ts';
import { connectLoopback } from '../../../linux/connect-loopback.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { CommandStreamSet, serveSpdyCommand } from './spdy-command.ts';
import { SpdyConnection } from './spdy-connection.ts';
import { PortForwards } from './spdy-forward.ts';

/** A SPDY client of a few lines: opens streams, sends data, gathers what comes by stream. */
class TestClient {
  readonly server: Duplex;
  readonly #toServer: Duplex;
  readonly #writer = new HeaderWriter();
  readonly data = new Map<number, string>();
  readonly finished = new Set<number>();
  #rest: Buffer = Buffer.alloc(0);

  constructor() {
    [this.#toServer, this.server] = duplexPair();
    this.#toServer.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  async open(id: number, headers: Record<string, string>, { split = false } = {}): Promise<void> {
    const block = await this.#writer.write(Object.entries(headers));
    const body = Buffer.concat([Buffer.alloc(10), block]);
    body.writeUInt32BE(id);
    const frame = Buffer.concat([Buffer.from([0x80, 3, 0, 1, 0, 0, 0, body.length]), body]);
    if (!split) this.#toServer.write(frame);
    else for (const byte of frame) this.#toServer.write(Buffer.of(byte));
  }

  send(id: number, text: string, fin = false): void {
    this.#toServer.write(
      Buffer.concat([Buffer.from([0, 0, 0, id, fin ? 1 : 0, 0, 0, text.length]), Buffer.from(text)]),
    );
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 8) {
      const length = this.#rest.readUIntBE(5, 3);
      if (this.#rest.length < 8 + length) return;
      const frame = this.#rest.subarray(0, 8 + length);
      this.#rest = this.#rest.subarray(8 + length);
      if (frame[0]! & 0x80) continue;
      const id = frame.readUInt32BE(0);
      this.data.set(id, (this.data.get(id) ?? '') + frame.toString('utf8', 8));
      if (frame[4]! & 1) this.finished.add(id);
    }
  }
}

describe('SPDY/3.1', () => {
  it('carries headers through one compression after the other', async () => {
    const [reader, writer] = [new HeaderReader(), new HeaderWriter()];
    for (const value of ['stdin', 'stdout', 'stdin'])
      assert.deepEqual(
        await reader.read(await writer.write([['streamType', value]])),
        new Map([['streamtype', value]]),
      );
  });

  it('refuses a block that is no zlib', async () => {
    await assert.rejects(new HeaderReader().read(Buffer.from('no zlib at all')));
  });

  it('runs a command with input, output and exit code', async () => {
    const client = new TestClient();
    const set = new CommandStreamSet({ stdin: true, stdout: true, stderr: true, tty: false }, 'v4.channel.k8s.io');
    const connection = new SpdyConnection(client.server, Buffer.alloc(0), (stream) => set.add(stream));
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const exit = Promise.withResolvers<number>();
    stdin.on('data', (data) => stdout.write(data));
    stdin.on('end', () => {
      stdout.end();
      stderr.end('oops');
      exit.resolve(2);
    });
    const session = { stdin, stdout, stderr, exit: exit.promise, resize: () => {}, kill: () => {} };
    const served = serveSpdyCommand(connection, set, 'v4.channel.k8s.io', async () => session);
    for (const [id, streamType] of [
      [1, 'error'],
      [3, 'stdin'],
      [5, 'stdout'],
      [7, 'stderr'],
    ] as const)
      await client.open(id, { streamType }, { split: id === 3 });
    client.send(3, 'hello');
    client.send(3, '', true);
    await served;
    await until('the first stream ends', () => client.finished.has(1));
    assert.equal(client.data.get(5), 'hello');
    assert.equal(client.data.get(7), 'oops');
    assert.equal(JSON.parse(client.data.get(1) ?? '').details.causes[0].message, '2');
  });

  it('forwards a port', async () => {
    const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => echo.on('listening', resolve));
    const port = String((echo.address() as net.AddressInfo).port);
    const client = new TestClient();
    const forwards = new PortForwards((port) => connectLoopback(port, undefined));
    new SpdyConnection(client.server, Buffer.alloc(0), (stream) => forwards.add(stream));
    await client.open(1, { streamType: 'error', port, requestID: '0' });
    await client.open(3, { streamType: 'data', port, requestID: '0' });
    client.send(3, 'ping', true);
    await until('both streams end', () => client.finished.has(3) && client.finished.has(1));
    assert.equal(client.data.get(3), 'ping');
    assert.equal(client.data.get(1), '');
    await new Promise((resolve) => echo.close(resolve));
  });

  it('ends what it forwards when the Pod does, although the client would go on', async () => {
    const server = net.createServer((socket) => socket.end('bye')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    const port = String((server.address() as net.AddressInfo).port);
    const client = new TestClient();
    const forwards = new PortForwards((port) => connectLoopback(port, undefined));
    new SpdyConnection(client.server, Buffer.alloc(0), (stream) => forwards.add(stream));
    await client.open(1, { streamType: 'error', port, requestID: '0' });
    await client.open(3, { streamType: 'data', port, requestID: '0' });
    await until('both streams end', () => client.finished.has(3) && client.finished.has(1));
    assert.equal(client.data.get(3), 'bye');
    await new Promise((resolve) => server.close(resolve));
  });
});
