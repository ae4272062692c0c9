import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { ServerHandler, ServerResponse } from '../http/exchange.ts';

/** Smaller answers cost less as they are (apiserver pkg/endpoints/handlers/responsewriters defaultGzipThresholdBytes). */
const thresholdBytes = 128 * 1024;
/** The fastest level: what is saved on the wire must not be lost in the processor. */
const level = 1;

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);

/** Compresses large answers for clients that accept it. Streams stay as they are. */
export function compression(next: ServerHandler): ServerHandler {
  return async (request) => {
    const response = await next(request);
    if (request.trustedUser || !accepts(request.headers['accept-encoding']) || !isLarge(response)) return response;
    const { body } = response;
    const whole = body instanceof Uint8Array ? body : Buffer.concat(body as Uint8Array[]);
    const headers = { ...response.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' };
    return { ...response, headers, body: await gzip(whole, { level }) };
  };
}

const accepts = (header: string | undefined) =>
  header !== undefined && /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\b)/.test(header);

function isLarge({ body, headers }: ServerResponse): boolean {
  if (headers['content-encoding']) return false;
  if (body instanceof Uint8Array) return body.length > thresholdBytes;
  if (!Array.isArray(body)) return false;
  let size = 0;
  for (const chunk of body) {
    size += chunk.length;
    if (size > thresholdBytes) return true;
  }
  return false;
}
