import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { MemoryStore } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';
import type { Audit } from '../filters/audit.ts';
import type { LocalResponse } from '../http/in-process.ts';
import type { AdmissionPlugin } from '../request.ts';
import { type ApiServer, type ApiServerCore, createApiServer } from '../server.ts';

export interface TestServer {
  server: ApiServer;
  store: Store;
  /** A request as cluster admin; a body is sent as JSON unless it is text. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  open(path: string, signal: AbortSignal): Promise<LocalResponse>;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
}

export interface TestServerOptions {
  store?: Store;
  clock?: Clock;
  admission?: AdmissionPlugin[] | ((core: ApiServerCore) => AdmissionPlugin[]);
  audit?: Audit;
}

/** Opens the store of a server that is not given one. */
let openStore: () => Promise<Store> = async () => new MemoryStore();

/** From now on servers of this process are tested over another kind of store. */
export function testOver(open: () => Promise<Store>): void {
  openStore = open;
}

/** An API server without TLS, in which everyone may do everything; over a store in memory unless told otherwise. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const store = options.store ?? (await openStore());
  const server = createApiServer({
    store,
    clock: options.clock ?? systemClock,
    log: silentLogger,
    listen: [],
    tls: { key: '', cert: '', clientCa: '' },
    serviceCidr: '10.96.0.0/24',
    plugins: (core) => ({
      authenticators: [],
      authorizers: [{ authorize: async () => ({ allowed: true, reason: '' }) }],
      audit: options.audit,
      admission: typeof options.admission === 'function' ? options.admission(core) : (options.admission ?? []),
    }),
  });
  await server.start();
  const transport = server.transport({ name: 'admin', groups: ['system:masters'] });
  return {
    server,
    store,
    async call(method, path, body, headers = {}) {
      const response = await transport.request({
        method,
        path,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers['content-type'] === 'application/json';
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    open: (path, signal) => transport.request({ method: 'GET', path, signal }),
  };
}
