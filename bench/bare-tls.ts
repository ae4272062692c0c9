import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { ensurePki } from '../src/apiserver/pki/pki.ts';
import { systemClock } from '../src/base/clock.ts';
import { median } from './quantile.ts';

const times = 9;
const chunkBytes = 1 << 20;

/** Median of the milliseconds that so many bytes take from one process to another over TLS, written in large pieces. */
export async function bareTls(bytes: number): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-tls-'));
  try {
    const pki = await ensurePki(directory, {
      names: [],
      addresses: ['127.0.0.1'],
      nodeName: 'bench',
      nodeAddresses: ['127.0.0.1'],
      clock: systemClock,
    });
    const { key, certificate } = pki.apiserver;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(JSON.stringify({ key, cert: certificate, bytes }));
    const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))));
    const took = await receive(port, pki.ca.certificate, bytes);
    child.kill();
    return median(took);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Asks with one byte, and waits for all of the answer. */
async function receive(port: number, ca: string, bytes: number): Promise<number[]> {
  const socket = tls.connect({ port, host: '127.0.0.1', ca, servername: 'kubernetes' });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const took: number[] = [];
  for (let n = 0; n < times; n++) {
    const began = performance.now();
    let left = bytes;
    await new Promise<void>((resolve) => {
      const onData = (chunk: Buffer) => {
        left -= chunk.length;
        if (left > 0) return;
        socket.off('data', onData);
        resolve();
      };
      socket.on('data', onData);
      socket.write('x');
    });
    took.push(performance.now() - began);
  }
  socket.destroy();
  return took;
}

/** The other process. */
function serve({ key, cert, bytes }: { key: string; cert: string; bytes: number }): void {
  const chunk = Buffer.alloc(chunkBytes, 'x');
  const server = tls.createServer({ key, cert }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      socket.cork();
      for (let left = bytes; left > 0; left -= chunk.length)
        socket.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
      socket.uncork();
    });
  });
  server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
}

if (import.meta.main) {
  let text = '';
  for await (const part of process.stdin) text += part;
  serve(JSON.parse(text));
}
