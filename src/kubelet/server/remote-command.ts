import type { WebSocket } from 'ws';
import { errorChain } from '../../base/log.ts';
import type { StreamSession, TerminalSize } from '../../runtime/runtime.ts';

/**
 * Sub-protocols of exec and attach, best first (apimachinery pkg/util/remotecommand/constants.go). A client that offers
 * none speaks channel.k8s.io (kubelet cri/streaming/remotecommand/websocket.go).
 */
export const commandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** What is still unread by the client before the container's output is paused. */
const highWaterBytes = 1 << 20;

/** How long a command on a terminal waits for the terminal's size, which clients send at once. */
const sizeWaitMs = 100;

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
  start: (size?: TerminalSize) => Promise<StreamSession>,
): Promise<void> {
  const base64 = socket.protocol.includes('base64');
  const send = (number: number, data: Buffer) => {
    if (base64) socket.send(`${number}${data.toString('base64')}`);
    else socket.send(Buffer.concat([Buffer.of(number), data]));
  };
  // Messages that come before the process runs are kept.
  const early: [Buffer, boolean][] = [];
  const size = Promise.withResolvers<TerminalSize | undefined>();
  let handle = (data: Buffer, binary: boolean): void => {
    early.push([data, binary]);
    const first = sizeIn(decode(data, base64));
    if (first) size.resolve(first);
  };
  socket.on('message', (data, binary) => handle(data as Buffer, binary));
  const sendStatus = (status: CommandStatus) => {
    // Before version 4 the outcome is a text, and success says nothing (v1WriteStatusFunc).
    const { message = '' } = status;
    if (/^v[45]/.test(socket.protocol)) send(channel.error, Buffer.from(JSON.stringify(status)));
    else if (status.status === 'Failure') send(channel.error, Buffer.from(message));
  };
  // An empty message on the lowest channel that we write tells the client that the connection stands.
  send(wanted.stdout ? channel.stdout : wanted.stderr ? channel.stderr : channel.error, Buffer.alloc(0));
  try {
    if (wanted.tty) setTimeout(() => size.resolve(undefined), sizeWaitMs);
    const session = await start(wanted.tty ? await size.promise : undefined);
    session.stdin?.on('error', () => {});
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
    sendStatus(exitStatus(code));
  } catch (error) {
    sendStatus(failureStatus(error));
  }
  socket.close(1000);
}

function receive(session: StreamSession, message: Buffer, base64: boolean): void {
  const decoded = decode(message, base64);
  const { number, data } = decoded;
  if (number === channel.stdin) {
    // A client may go on writing to what it has closed, or what the process has.
    if (session.stdin?.writable) session.stdin.write(data);
  } else if (number === channel.close && data[0] === channel.stdin) session.stdin?.end();
  else {
    const size = sizeIn(decoded);
    if (size) session.resize(size.columns, size.rows);
  }
}

interface Message {
  number: number | undefined;
  data: Buffer;
}

function decode(message: Buffer, base64: boolean): Message {
  if (!base64) return { number: message[0], data: message.subarray(1) };
  return {
    number: Number(String.fromCharCode(message[0] ?? 0)),
    data: Buffer.from(message.toString('latin1', 1), 'base64'),
  };
}

/** The size that a message tells, if that is what it is for. */
function sizeIn({ number, data }: Message): TerminalSize | undefined {
  if (number !== channel.resize) return undefined;
  const { Width: columns = 0, Height: rows = 0 } = parseSize(data.toString('utf8'));
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** A terminal's size as clients send it; nothing of what they send may end this process. */
export function parseSize(text: string): { Width?: number; Height?: number } {
  try {
    return (JSON.parse(text) ?? {}) as { Width?: number; Height?: number };
  } catch {
    return {};
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

/** What of metav1.Status a command's outcome has. */
export interface CommandStatus {
  metadata: object;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  code?: number;
  details?: { causes: { reason: string; message: string }[] };
}

/** The Status by which a client learns the exit code (client-go tools/remotecommand v4). */
export function exitStatus(code: number): CommandStatus {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function failureStatus(error: unknown): CommandStatus {
  const message = errorChain(error);
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    code: 500,
  };
}
