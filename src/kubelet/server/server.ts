import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { pods } from '../../api/resource.ts';
import { notFound, StatusError, unauthorized } from '../../api/status-error.ts';
import { errorChain } from '../../base/log.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';
import type { PodWorkers } from '../pod-workers.ts';
import { serveLog } from './log-request.ts';
import { statsSummary } from './stats-summary.ts';
import { serveStreams } from './streams.ts';

export interface ServerTls {
  /** PEM. */
  key: string;
  cert: string;
  /** Clients must have a certificate of this CA: the API server's. */
  clientCa: string;
}

export interface KubeletServer {
  readonly port: number;
  listen(address: string, port: number): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  node: NodeContext;
  workers: PodWorkers;
  tls: ServerTls;
}

/** The kubelet's own API, for the API server: logs, exec, attach, port-forward, stats (kubelet server/server.go). */
export function createKubeletServer(parts: Parts): KubeletServer {
  return new HttpsServer(parts);
}

class HttpsServer implements KubeletServer {
  readonly #parts: Parts;
  readonly #server: https.Server;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { key, cert, clientCa } = parts.tls;
    this.#server = https.createServer({ key, cert, ca: clientCa, requestCert: true, rejectUnauthorized: false });
    this.#server.on('request', (request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    // A log may be followed for days.
    this.#server.requestTimeout = 0;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  async listen(address: string, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#parts.node.log.debug('kubelet request failed', { url: request.url, error });
      if (response.headersSent) return void response.end();
      const status = error instanceof StatusError ? error.code : 500;
      const text = error instanceof StatusError ? error.message : errorChain(error);
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { node, workers } = this.#parts;
    const url = new URL(request.url ?? '/', 'https://kubelet');
    const [verb = '', ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    // Health tells nothing that needs a certificate.
    if (verb === 'healthz') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
    if (!(request.socket as TLSSocket).authorized) throw unauthorized();
    const json = (body: unknown) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const records = workers.records();
    if (verb === 'pods' || verb === 'runningpods') {
      const live = verb === 'pods' ? records : records.filter(({ finished }) => !finished);
      const items = live.map(({ pod }) => ({ ...pod, status: node.status.get(pod) }));
      return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
    }
    if (verb === 'stats' && rest[0] === 'summary') return json(await statsSummary(node, records));
    if (verb === 'metrics' && rest.length === 0)
      return void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metrics(node, records));
    if (verb === 'containerLogs') {
      const record = this.#find(rest[0], rest[1]);
      return serveLog(node, record, rest[2] ?? '', request, response, url.searchParams);
    }
    if (['exec', 'attach', 'portForward'].includes(verb))
      throw new StatusError({ code: 400, reason: 'BadRequest', message: 'you must specify an upgrade header' });
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refuse = (code: number, message: string) => {
      const body = `${message}\n`;
      socket.end(
        `HTTP/1.1 ${code} Error\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    };
    socket.on('error', () => {});
    if (!(socket as TLSSocket).authorized) return refuse(401, 'Unauthorized');
    try {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      const [verb = '', namespace, name, ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
      const record = this.#find(namespace, name);
      // With four parts the third is the Pod's uid (kubelet server.go: /exec/{podNamespace}/{podID}/{uid}/{containerName}).
      const container = rest.at(-1) ?? '';
      await serveStreams({
        node: this.#parts.node,
        record,
        verb,
        container,
        request,
        socket,
        head,
        query: url.searchParams,
      });
    } catch (error) {
      refuse(error instanceof StatusError ? error.code : 500, errorChain(error));
    }
  }

  #find(namespace = '', name = ''): PodRecord {
    const record = this.#parts.workers
      .records()
      // What still stops after a forced deletion is not meant: there may be another Pod of that name.
      .find((one) => !one.gone && one.pod.metadata.namespace === namespace && one.pod.metadata.name === name);
    if (!record) throw notFound(pods, name);
    return record;
  }
}

/** The few metrics that dashboards ask a kubelet for first. */
function metrics(node: NodeContext, records: PodRecord[]): string {
  const containers = records.flatMap((record) => record.allContainers(node.runtime));
  const running = containers.filter(({ state }) => state === 'running').length;
  return [
    '# TYPE kubelet_running_pods gauge',
    `kubelet_running_pods ${records.filter(({ finished }) => !finished).length}`,
    '# TYPE kubelet_running_containers gauge',
    `kubelet_running_containers{container_state="running"} ${running}`,
    `kubelet_running_containers{container_state="exited"} ${containers.length - running}`,
    '# TYPE process_resident_memory_bytes gauge',
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '',
  ].join('\n');
}
