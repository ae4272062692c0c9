import net from 'node:net';
import type { WebSocket } from 'ws';

/** Sub-protocol of port forwarding over WebSocket channels (kubelet portforward/websocket.go). */
export const forwardProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/**
 * Forwards each asked-for port over two channels, data (2n) and error (2n+1). Both begin with the port as two bytes,
 * the low one first. The Pod's address is reached from the node, so what listens only on the Pod's loopback is not.
 */
export function serveForward(socket: WebSocket, ports: number[], podIP: string): void {
  const base64 = socket.protocol === 'v4.base64.channel.k8s.io';
  const send = (number: number, data: Buffer) => {
    if (socket.readyState !== socket.OPEN) return;
    if (base64) socket.send(`${number}${data.toString('base64')}`);
    else socket.send(Buffer.concat([Buffer.of(number), data]));
  };
  const connections = ports.map((port, index) => {
    const header = Buffer.alloc(2);
    header.writeUInt16LE(port);
    send(2 * index, header);
    send(2 * index + 1, header);
    const connection = net.connect({ host: podIP, port });
    connection.on('data', (data: Buffer) => send(2 * index, data));
    connection.on('error', (error) =>
      send(2 * index + 1, Buffer.from(`an error occurred forwarding ${port}: ${error.message}`)),
    );
    connection.on('close', () => {
      if (connections.every(({ destroyed }) => destroyed)) socket.close(1000);
    });
    return connection;
  });
  socket.on('message', (message: Buffer) => {
    const number = base64 ? Number(String.fromCharCode(message[0] ?? 0)) : (message[0] ?? 0);
    const data = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (number % 2 === 0) connections[number / 2]?.write(data);
  });
  socket.on('close', () => {
    for (const connection of connections) connection.destroy();
  });
}
