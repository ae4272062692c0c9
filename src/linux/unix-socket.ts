import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

/** O_PATH | O_DIRECTORY (open(2)). */
const directoryPath = 0o10000000 | 0o200000;

/** Connects to a stream socket. An address holds 107 bytes of path: a longer one is reached through its directory's descriptor. */
export function connectUnixStream(socketPath: string): net.Socket {
  if (Buffer.byteLength(socketPath) <= 107) return net.connect(socketPath);
  const directory = fs.openSync(path.dirname(socketPath), directoryPath);
  const socket = net.connect(`/proc/self/fd/${directory}/${path.basename(socketPath)}`);
  let open = true;
  for (const event of ['connect', 'close'])
    socket.once(event, () => {
      if (open) fs.closeSync(directory);
      open = false;
    });
  return socket;
}
