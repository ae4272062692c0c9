import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/** Connects to a port of the Pod's localhost, as what listens there only is meant too. */
export type Dial = (port: number) => Promise<Socket>;

/** Sub-protocol of port forwarding over WebSocket channels (kubelet portforward/websocket.go). */
export const forwardProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/**
 * Forwards each asked-for port over two channels, data (2n) and error (2n+1). Both begin with the port as two bytes,
 * the low one first.
 */
export function serveForward(socket: WebSocket, ports: number[], dial: Dial): void {
  const base64 = socket.protocol === 'v4.base64.channel.k8s.io';
  const send = (number: number, data: Buffer) => {
    if (socket.readyState !== socket.OPEN) return;
    if (base64) socket.send(`${number}${data.toString('base64')}`);
    else socket.send(Buffer.concat([Buffer.of(number), data]));
  };
  const forwards = ports.map((port, index) => forwardPort(port, dial, (part, data) => send(2 * index + part, data)));
  Promise.all(forwards.map(({ closed }) => closed)).then(() => socket.close(1000));
  socket.on('message', (message: Buffer) => {
    const number = base64 ? Number(String.fromCharCode(message[0] ?? 0)) : (message[0] ?? 0);
    const data = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (number % 2 === 0) forwards[number / 2]?.write(data);
  });
  socket.on('close', () => {
    for (const forward of forwards) forward.destroy();
  });
}

/** One port: `send` gets what comes back, on part 0 data, on part 1 errors. What comes before the connection stands is kept. */
function forwardPort(port: number, dial: Dial, send: (part: 0 | 1, data: Buffer) => void) {
  const header = Buffer.alloc(2);
  header.writeUInt16LE(port);
  send(0, header);
  send(1, header);
  const fail = (error: Error) => send(1, Buffer.from(`an error occurred forwarding ${port}: ${error.message}`));
  const dialled = dial(port);
  const closed = dialled.then(
    (connection) =>
      new Promise<void>((resolve) => {
        connection.on('data', (data: Buffer) => send(0, data));
        connection.on('error', fail);
        connection.on('end', () => connection.end());
        connection.on('close', () => resolve());
      }),
    fail,
  );
  const then = (fn: (connection: Socket) => void) => void dialled.then(fn, () => {});
  return {
    closed,
    write: (data: Buffer) => then((connection) => connection.write(data)),
    destroy: () => then((connection) => connection.destroy()),
  };
}
