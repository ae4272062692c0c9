import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { Linux, PacketStream } from '../linux/linux.ts';
import { monitorFiles } from './conmon.ts';
import type { StreamSession } from './runtime.ts';

/** First byte of each packet from conmon (its src/utils.h, stdpipe_t). */
const stderrPipe = 3;
/** What conmon reads at once (its CONN_SOCK_BUF_SIZE). */
const maxPacketBytes = 8_192;

/** Connects to the streams of a container's first process, through its monitor. */
export async function attach(
  linux: Linux,
  bundle: string,
  options: { stdin: boolean; tty: boolean },
): Promise<StreamSession> {
  const socket = await linux.sockets.connectSeqpacket(path.join(bundle, monitorFiles.attach));
  const stdout = new PassThrough();
  const stderr = options.tty ? undefined : new PassThrough();
  const exit = new Promise<number>((resolve) => {
    const done = () => {
      stdout.end();
      stderr?.end();
      resolve(0);
    };
    socket.once('end', done);
    socket.once('close', done);
    socket.on('error', done);
  });
  socket.on('data', (packet: Uint8Array) => {
    const target = packet[0] === stderrPipe && stderr ? stderr : stdout;
    if (!target.write(packet.subarray(1))) {
      socket.pause();
      target.once('drain', () => socket.resume());
    }
  });
  return {
    stdin: options.stdin ? input(socket) : undefined,
    stdout,
    stderr,
    resize: (columns, rows) => writeControl(bundle, `1 ${rows} ${columns}\n`),
    exit,
    kill: () => void socket.destroy(),
  };
}

/** Has the monitor close its log file and open the path anew. */
export function reopenLog(bundle: string): void {
  writeControl(bundle, '2 0 0\n');
}

function input(socket: PacketStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += maxPacketBytes) socket.write(chunk.subarray(at, at + maxPacketBytes));
      if (socket.writableNeedDrain) socket.once('drain', () => done());
      else done();
    },
    final(done) {
      socket.end(done);
    },
  });
}

function writeControl(bundle: string, line: string): void {
  const fd = openSync(path.join(bundle, monitorFiles.control), constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}
