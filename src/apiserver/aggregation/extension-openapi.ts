import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { convertV2 } from '../openapi/convert-v2.ts';
import type { Json } from '../openapi/schema.ts';

/** What an extension server says of itself in OpenAPI. */
export interface ExtensionOpenApi {
  /** 'apis/GROUP/VERSION'. */
  path: string;
  v2: Json | undefined;
  v3: { body: Buffer; hash: string } | undefined;
}

/** Asks an extension server for a path, as the aggregator. */
export type AskExtension = (path: string, accept: string) => Promise<IncomingMessage>;

/** An extension server may describe itself at such length and no more. */
const mostBytes = 32 << 20;

/** Fetches both forms (kube-aggregator pkg/controllers/openapi, openapiv3). A server that has none is no worse for it. */
export async function fetchOpenApi(path: string, ask: AskExtension): Promise<ExtensionOpenApi> {
  const [v2, v3] = await Promise.all([
    document(ask, '/openapi/v2', 'application/json'),
    document(ask, `/openapi/v3/${path}`, 'application/json'),
  ]);
  const described = v2 && (parse(v2) as Json | undefined);
  // Who describes itself the old way only is described the new way by us, as kube-aggregator does.
  const document3 =
    v3 && parse(v3) ? v3 : described && Buffer.from(JSON.stringify(convertV2(ownPaths(described, path))));
  const hash = document3 && createHash('sha512').update(document3).digest('hex').toUpperCase();
  return { path, v2: described, v3: document3 && hash ? { body: document3, hash } : undefined };
}

/** Only what is below its group and version. */
function ownPaths(described: Json, path: string): Json {
  const paths = Object.entries((described.paths ?? {}) as Json);
  return { ...described, paths: Object.fromEntries(paths.filter(([key]) => `${key}/`.startsWith(`/${path}/`))) };
}

async function document(ask: AskExtension, path: string, accept: string): Promise<Buffer | undefined> {
  const answer = await ask(path, accept).catch(() => undefined);
  if (!answer) return undefined;
  const body = await wholeBody(answer).catch(() => undefined);
  return answer.statusCode === 200 ? body : undefined;
}

export async function wholeBody(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) throw new Error(`answer is longer than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
