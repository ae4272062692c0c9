import type { WebSocket } from 'ws';
import { errorChain } from '../../base/log.ts';
import type { StreamSession } from '../../runtime/runtime.ts';

/** Sub-protocols of exec and attach, best first (apimachinery pkg/util/remotecommand/constants.go). */
export const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** What is still unread by the client before the container's output is paused. */
const highWaterBytes = 1 << 20;

/** The streams that the client asked for. */
export interface CommandStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** Carries a process's streams over one WebSocket: each message begins with its channel's number (KEP-4006). */
export async function serveCommand(
  socket: WebSocket,
  wanted: CommandStreams,
  start: () => Promise<StreamSession>,
): Promise<void> {
  const base64 = socket.protocol === 'v4.base64.channel.k8s.io';
  const send = (number: number, data: Buffer) => {
    if (base64) socket.send(`${number}${data.toString('base64')}`);
    else socket.send(Buffer.concat([Buffer.of(number), data]));
  };
  // Messages that come before the process runs are kept.
  const early: [Buffer, boolean][] = [];
  let handle = (data: Buffer, binary: boolean): void => {
    early.push([data, binary]);
  };
  socket.on('message', (data, binary) => handle(data as Buffer, binary));
  // The client learns that its channels are there from an empty message on each.
  if (wanted.stdout) send(channel.stdout, Buffer.alloc(0));
  try {
    const session = await start();
    handle = (data) => receive(session, data, base64);
    for (const [data, binary] of early) handle(data, binary);
    socket.on('close', () => session.kill());
    const outputs = [
      wanted.stdout ? pump(socket, session.stdout, (data) => send(channel.stdout, data)) : drop(session.stdout),
    ];
    if (session.stderr)
      outputs.push(
        wanted.stderr ? pump(socket, session.stderr, (data) => send(channel.stderr, data)) : drop(session.stderr),
      );
    const code = await session.exit;
    await Promise.all(outputs);
    send(channel.error, Buffer.from(JSON.stringify(exitStatus(code))));
  } catch (error) {
    send(channel.error, Buffer.from(JSON.stringify(failureStatus(error))));
  }
  socket.close(1000);
}

function receive(session: StreamSession, message: Buffer, base64: boolean): void {
  const number = base64 ? Number(String.fromCharCode(message[0] ?? 0)) : message[0];
  const data = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
  if (number === channel.stdin) session.stdin?.write(data);
  else if (number === channel.close && data[0] === channel.stdin) session.stdin?.end();
  else if (number === channel.resize) {
    const { Width = 0, Height = 0 } = JSON.parse(data.toString('utf8')) as { Width?: number; Height?: number };
    if (Width > 0 && Height > 0) session.resize(Width, Height);
  }
}

function pump(socket: WebSocket, stream: NodeJS.ReadableStream, send: (data: Buffer) => void): Promise<void> {
  return new Promise((resolve) => {
    stream.on('data', (data: Buffer) => {
      send(data);
      if (socket.bufferedAmount < highWaterBytes) return;
      stream.pause();
      const wait = setInterval(() => {
        if (socket.bufferedAmount >= highWaterBytes && socket.readyState === socket.OPEN) return;
        clearInterval(wait);
        stream.resume();
      }, 10);
    });
    stream.on('end', resolve);
    stream.on('close', resolve);
    stream.on('error', () => resolve());
  });
}

async function drop(stream: NodeJS.ReadableStream): Promise<void> {
  stream.resume();
}

/** The Status by which a client learns the exit code (client-go tools/remotecommand v4). */
export function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function failureStatus(error: unknown): object {
  const message = errorChain(error);
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    code: 500,
  };
}
