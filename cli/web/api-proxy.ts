import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from '../../src/client/client.ts';

const prefix = '/k8s';
const longestBody = 3 << 20;
const passedHeaders = ['accept', 'content-type'];

/** Requests of the page to the Kubernetes API, made with the administrator's certificate: /k8s/api/v1/…. */
export function isApiRequest(path: string): boolean {
  return path.startsWith(`${prefix}/api/`) || path.startsWith(`${prefix}/apis/`);
}

/** Passes request and answer on; a log that is followed goes on until the page goes away. */
export async function proxyApi(client: Client, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  const body = await readBody(request);
  const headers = Object.fromEntries(
    passedHeaders.flatMap((name) => {
      const value = request.headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
  const answer = await client.request({
    method: request.method ?? 'GET',
    path: (request.url ?? '').slice(prefix.length),
    headers,
    signal: abort.signal,
    ...(body.length > 0 && { body }),
  });
  response.writeHead(answer.status, { 'content-type': answer.headers['content-type'] ?? 'application/json' });
  // Headers of a log without a line yet are news, too.
  response.flushHeaders();
  try {
    for await (const chunk of answer.body) {
      if (!response.write(chunk))
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      if (response.closed) return;
    }
    response.end();
  } catch (error) {
    if (!abort.signal.aborted) response.destroy(error as Error);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > longestBody) throw new Error(`request body is longer than ${longestBody} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
