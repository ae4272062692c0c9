import net from 'node:net';
import type { SpdyStream } from './spdy-connection.ts';

export const spdyForwardProtocols = ['portforward.k8s.io'];

/** Connects pairs of streams, 'data' and 'error' with one request id, to ports of a Pod (kubelet cri/streaming/portforward). */
export class PortForwards {
  readonly #podIP: string;
  /** Halves of pairs whose other half has not come yet, by request id. */
  readonly #halves = new Map<string, SpdyStream>();

  constructor(podIP: string) {
    this.#podIP = podIP;
  }

  add(stream: SpdyStream): void {
    const id = stream.headers.get('requestid') ?? stream.headers.get('port') ?? '';
    const other = this.#halves.get(id);
    if (!other) {
      this.#halves.set(id, stream);
      return;
    }
    this.#halves.delete(id);
    const isError = stream.headers.get('streamtype') === 'error';
    this.#connect(isError ? other : stream, isError ? stream : other);
  }

  #connect(data: SpdyStream, error: SpdyStream): void {
    const port = Number(data.headers.get('port'));
    const fail = (text: string) => {
      error.end(`an error occurred forwarding ${port}: ${text}`);
      data.end();
    };
    if (!(port > 0 && port < 65_536)) {
      fail(`invalid port '${data.headers.get('port')}'`);
      return;
    }
    const connection = net.connect({ host: this.#podIP, port, allowHalfOpen: true });
    connection.on('error', (cause) => fail(`error forwarding port ${port} to pod: ${cause.message}`));
    connection.on('connect', () => {
      data.pipe(connection);
      connection.pipe(data);
    });
    connection.on('close', () => {
      if (!error.writableEnded) error.end();
      data.end();
    });
    data.on('close', () => connection.destroy());
  }
}
