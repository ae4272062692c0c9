import type { Socket } from 'node:net';
import type { Dial } from '../port-forward.ts';
import type { SpdyStream } from './spdy-connection.ts';

export const spdyForwardProtocols = ['portforward.k8s.io'];

const lingerMs = 1000;

/** Connects pairs of streams, 'data' and 'error' with one request id, to ports of a Pod (kubelet cri/streaming/portforward). */
export class PortForwards {
  readonly #dial: Dial;
  /** Halves of pairs whose other half has not come yet, by request id. */
  readonly #halves = new Map<string, SpdyStream>();

  constructor(dial: Dial) {
    this.#dial = dial;
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
    void this.#connect(isError ? other : stream, isError ? stream : other);
  }

  async #connect(data: SpdyStream, error: SpdyStream): Promise<void> {
    const port = Number(data.headers.get('port'));
    const fail = (text: string) => {
      error.end(`an error occurred forwarding ${port}: ${text}`);
      data.end();
    };
    if (!(port > 0 && port < 65_536)) {
      fail(`invalid port '${data.headers.get('port')}'`);
      return;
    }
    const failed = (cause: Error) => fail(`error forwarding port ${port} to pod: ${cause.message}`);
    const connection = await this.#dial(port).catch(failed);
    if (!connection) return;
    connection.on('error', failed);
    data.pipe(connection);
    connection.pipe(data);
    connection.on('end', () => lingering(data, connection));
    connection.on('close', () => {
      if (!error.writableEnded) error.end();
      data.end();
    });
    if (data.destroyed) connection.destroy();
    data.on('close', () => connection.destroy());
  }
}

/**
 * The Pod has said all: the client may end as well, for a second, then it is over. Clients wait for the end of the error
 * stream before they close what they forward (containerd's port-forward; client-go tools/portforward).
 */
function lingering(data: SpdyStream, connection: Socket): void {
  const end = () => connection.destroy();
  const timer = setTimeout(end, lingerMs);
  if (data.readableEnded) end();
  else data.once('end', end);
  connection.once('close', () => clearTimeout(timer));
}
