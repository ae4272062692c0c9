import type { IncomingMessage } from 'node:http';
import type { ServerRequest, ServerResponse, Upgrade } from './exchange.ts';

/** Sub-protocols of an answer read over WebSocket; without one it is binary (apiserver wsstream NewDefaultReaderProtocols). */
const protocols = ['binary.k8s.io', 'base64.binary.k8s.io'];

/** Whether the client wants the answer as WebSocket messages. */
export function wantsWebSocket(request: ServerRequest): request is ServerRequest & { upgrade: Upgrade } {
  return request.upgrade !== undefined && request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Answers with one message per chunk, then closes (k8s.io/apimachinery wsstream.Reader). */
export async function answerOverWebSocket(
  { upgrade: { socket, head }, headers, target }: ServerRequest & { upgrade: Upgrade },
  body: AsyncIterable<Uint8Array>,
): Promise<ServerResponse> {
  // Loaded when first needed: few clients read logs this way.
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => protocols.find((one) => offered.has(one)) ?? false,
  });
  const message = { method: 'GET', url: target, headers } as unknown as IncomingMessage;
  server.handleUpgrade(message, socket, head, (webSocket) => {
    webSocket.on('error', () => {});
    const send = (data: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        const text = webSocket.protocol.startsWith('base64') ? Buffer.from(data).toString('base64') : data;
        webSocket.send(text, (error) => (error ? reject(error) : resolve()));
      });
    const sendAll = async () => {
      // The client learns from it that the connection stands.
      await send(new Uint8Array());
      for await (const chunk of body) await send(chunk);
    };
    sendAll().then(
      () => webSocket.close(1000),
      () => webSocket.terminate(),
    );
  });
  return { status: 101, headers: {}, body: new Uint8Array(), hijacked: true };
}
