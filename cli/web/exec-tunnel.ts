import { WebSocket } from 'ws';

export interface ApiAccess {
  server: string;
  ca: string;
  cert: string;
  key: string;
}

/** KEP-4006: the first byte of each message is the stream; 4 is the size of the terminal, 3 the exit status. */
const protocol = 'v5.channel.k8s.io';
/** More than this waiting in one direction, and the other end is not read. */
const highWaterBytes = 1 << 20;

/** What a page asks for: a terminal in a container. */
export function execPath(query: URLSearchParams): string | undefined {
  const [namespace, pod, container] = ['namespace', 'pod', 'container'].map((name) => query.get(name) ?? '');
  if (!namespace || !pod || !container) return undefined;
  const asked = new URLSearchParams({ container, stdin: 'true', stdout: 'true', tty: 'true' });
  for (const word of query.getAll('command')) asked.append('command', word);
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec?${asked}`;
}

/** Joins the page's socket with one to the API server; messages go through unchanged. */
export function tunnelExec(page: WebSocket, access: ApiAccess, path: string): void {
  const { server, ca, cert, key } = access;
  const api = new WebSocket(`${server.replace(/^http/, 'ws')}${path}`, [protocol], { ca, cert, key });
  /** What the page said before the other side was open. */
  const early: Buffer[] = [];
  page.on('message', (data: Buffer) => {
    if (api.readyState === WebSocket.CONNECTING) early.push(data);
    else if (api.readyState === WebSocket.OPEN) forward(api, data, page);
  });
  api.on('open', () => {
    for (const data of early.splice(0)) api.send(data);
  });
  api.on('message', (data: Buffer) => {
    if (page.readyState === WebSocket.OPEN) forward(page, data, api);
  });
  // The API server's answer says why: it is shown in the terminal.
  api.on('unexpected-response', (_request, answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => page.close(4000, reasonOf(Buffer.concat(chunks).toString(), answer.statusCode)));
  });
  api.on('error', (error) => page.close(4000, shorten(error.message)));
  api.on('close', () => page.close(1000));
  page.on('close', () => api.close());
  page.on('error', () => api.close());
}

function forward(to: WebSocket, data: Buffer, from: WebSocket): void {
  to.send(data, { binary: true }, () => {
    if (from.isPaused && to.bufferedAmount < highWaterBytes) from.resume();
  });
  if (to.bufferedAmount >= highWaterBytes) from.pause();
}

function reasonOf(body: string, status: number | undefined): string {
  try {
    return shorten((JSON.parse(body) as { message?: string }).message ?? `status ${status}`);
  } catch {
    return shorten(body || `status ${status}`);
  }
}

/** A close frame holds at most 123 bytes of reason (RFC 6455 section 5.5). */
const shorten = (text: string) =>
  Buffer.from(text)
    .subarray(0, 120)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
