import http from 'node:http';
import https from 'node:https';

/** A token, or what gives the present one. */
export type BearerToken = string | (() => string | undefined);

export interface JsonExchange {
  /** PEM of whom to trust. @default the authorities that Node trusts */
  ca?: string | undefined;
  /** PEM of our own certificate. */
  cert?: string | undefined;
  key?: string | undefined;
  /** Sent as JSON by POST; GET when absent. */
  body?: object;
  token?: BearerToken | undefined;
  timeoutMs: number;
  /** What is answered may be of any kind, and is not looked at. @default 'json' */
  answer?: 'json' | 'any';
}

/** Answers are small; who sends more is not what we think it is. */
const maxBytes = 5 * 1024 * 1024;

/** One request for JSON, to an issuer of tokens or to who knows them. */
export async function exchangeJson(
  url: string,
  { body, token, timeoutMs, answer: kind = 'json', ...tls }: JsonExchange,
): Promise<unknown> {
  const text = body && JSON.stringify(body);
  const bearer = typeof token === 'function' ? token() : token;
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const { request } = url.startsWith('http:') ? http : https;
  const sent = request(url, {
    ...tls,
    method: text ? 'POST' : 'GET',
    timeout: timeoutMs,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      accept: 'application/json',
      ...(text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
    },
  });
  sent.on('error', (cause) => reject(new Error(`cannot ask ${url}`, { cause })));
  sent.on('response', async (response) => {
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw new Error(`the answer of ${url} is too long`);
        chunks.push(chunk);
      }
      const answer = Buffer.concat(chunks).toString('utf8');
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) throw new Error(`${url} answered ${status}: ${answer.slice(0, 200)}`);
      resolve(kind === 'any' ? undefined : JSON.parse(answer));
    } catch (error) {
      reject(error);
    }
  });
  sent.end(text);
  return promise;
}
