import { finished } from 'node:stream/promises';
import type { StreamSession } from '../../../runtime/runtime.ts';
import { type CommandStreams, exitStatus, failureStatus, parseSize } from '../remote-command.ts';
import type { SpdyConnection, SpdyStream } from './spdy-connection.ts';

/** Versions of exec and attach over SPDY, best first; from 4 on the outcome is a Status, before a text. */
export const spdyCommandProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** The kubelet's DefaultStreamCreationTimeout. */
const streamsTimeoutMs = 30_000;

/** Gathers the streams that the client opens, by their `streamType` header. */
export class CommandStreamSet {
  readonly #streams = new Map<string, SpdyStream>();
  readonly #expected: number;
  readonly #complete = Promise.withResolvers<Map<string, SpdyStream>>();

  constructor(wanted: CommandStreams, protocol: string) {
    const resize = wanted.tty && /^v[34]\./.test(protocol);
    this.#expected = 1 + [wanted.stdin, wanted.stdout, wanted.stderr, resize].filter(Boolean).length;
    setTimeout(
      () => this.#complete.reject(new Error('timed out waiting for client to create streams')),
      streamsTimeoutMs,
    ).unref();
    this.#complete.promise.catch(() => {});
  }

  add(stream: SpdyStream): void {
    this.#streams.set(stream.headers.get('streamtype') ?? '', stream);
    if (this.#streams.size === this.#expected) this.#complete.resolve(this.#streams);
  }

  all(): Promise<Map<string, SpdyStream>> {
    return this.#complete.promise;
  }
}

/** Joins the client's streams with a process's (kubelet cri/streaming/remotecommand). */
export async function serveSpdyCommand(
  connection: SpdyConnection,
  set: CommandStreamSet,
  protocol: string,
  start: () => Promise<StreamSession>,
): Promise<void> {
  const streams = await set.all();
  const error = streams.get('error');
  try {
    const session = await start();
    connection.onClose(() => session.kill());
    const stdin = streams.get('stdin');
    if (stdin && session.stdin) stdin.pipe(session.stdin);
    if (session.stdin) session.stdin.on('error', () => {});
    followResize(streams.get('resize'), session);
    const outputs = [forward(session.stdout, streams.get('stdout'))];
    if (session.stderr) outputs.push(forward(session.stderr, streams.get('stderr')));
    const code = await session.exit;
    await Promise.all(outputs);
    if (protocol.startsWith('v4')) error?.write(JSON.stringify(exitStatus(code)));
    else if (code !== 0)
      error?.write(`error executing command in container: command terminated with exit code ${code}`);
  } catch (failure) {
    error?.write(JSON.stringify(failureStatus(failure)));
  }
  error?.end();
  if (error) await finished(error, { readable: false }).catch(() => {});
  connection.close();
}

async function forward(from: NodeJS.ReadableStream, to: SpdyStream | undefined): Promise<void> {
  if (!to) {
    from.resume();
    return;
  }
  from.pipe(to);
  await finished(to, { readable: false }).catch(() => {});
}

/** Sizes come as one JSON object after the other. */
function followResize(stream: SpdyStream | undefined, session: StreamSession): void {
  let text = '';
  stream?.on('data', (data: Buffer) => {
    text += data.toString('utf8');
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const { Width = 0, Height = 0 } = parseSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (Width > 0 && Height > 0) session.resize(Width, Height);
    }
    if (text.length > 1024) stream.destroy();
  });
}
