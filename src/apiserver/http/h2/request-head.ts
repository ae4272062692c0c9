import { type HeaderField, http1Fields } from './hpack/header-field.ts';
import { errorCode, StreamError } from './protocol.ts';

/** What a request asks, its rules checked (RFC 9113 section 8.3). */
export interface RequestHead {
  method: string;
  /** Path and query; empty for CONNECT. */
  target: string;
  /** Lower-case names, without pseudo-headers; `host` is the authority. */
  headers: Record<string, string | undefined>;
  /** Bytes that the body must have, if the client says so. */
  contentLength: number | undefined;
}

interface PseudoHeaders {
  ':method'?: string;
  ':scheme'?: string;
  ':authority'?: string;
  ':path'?: string;
}

const pseudoNames = new Set([':method', ':scheme', ':authority', ':path']);
/** Of these the first counts, as in node:http; the values of others are joined. */
const single = new Set([
  ...['authorization', 'content-type', 'from', 'if-modified-since', 'if-unmodified-since', 'max-forwards'],
  ...['proxy-authorization', 'referer', 'user-agent'],
]);

export function readRequestHead(fields: readonly HeaderField[]): RequestHead {
  const pseudo: PseudoHeaders = {};
  const headers: RequestHead['headers'] = Object.create(null);
  let regular = false;
  for (const field of fields) {
    const { name, value } = field;
    if (field.malformed) throw malformed(`field ${JSON.stringify(name)}`);
    if (name[0] === ':') {
      if (regular || !pseudoNames.has(name) || pseudo[name as keyof PseudoHeaders] !== undefined)
        throw malformed(`pseudo-header ${name}`);
      pseudo[name as keyof PseudoHeaders] = value;
      continue;
    }
    regular = true;
    addField(headers, name, value);
  }
  const method = pseudo[':method'];
  if (!method) throw malformed('no :method');
  headers.host = authorityOf(pseudo, headers.host);
  const length = headers['content-length'];
  const contentLength = length === undefined ? undefined : Number(length);
  return { method, target: targetOf(method, pseudo), headers, contentLength };
}

/** Trailers must keep the rules, too; nobody here reads them. */
export function checkTrailers(fields: readonly HeaderField[]): void {
  for (const { name, malformed: bad } of fields)
    if (bad || name[0] === ':' || http1Fields.has(name)) throw malformed(`trailer ${JSON.stringify(name)}`);
}

function addField(headers: RequestHead['headers'], name: string, value: string): void {
  const before = headers[name];
  if (http1Fields.has(name)) throw malformed(`field ${name} is of HTTP/1`);
  if (name === 'te' && value !== 'trailers') throw malformed(`te: ${value}`);
  // Two lengths or two hosts are how requests are smuggled (RFC 9110 sections 7.2 and 8.6).
  if (name === 'content-length' && (!/^\d{1,15}$/.test(value) || (before ?? value) !== value))
    throw malformed(`content-length: ${value}`);
  if (name === 'host' && before !== undefined) throw malformed('two hosts');
  if (before === undefined || name === 'content-length') headers[name] = value;
  else if (!single.has(name)) headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
}

function authorityOf({ ':authority': authority }: PseudoHeaders, host: string | undefined): string {
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase())
    throw malformed(`host ${host} is not the authority ${authority}`);
  const either = authority ?? host;
  if (!either || either.includes('@')) throw malformed(`authority ${JSON.stringify(either ?? '')}`);
  return either;
}

function targetOf(
  method: string,
  { ':scheme': scheme, ':path': path, ':authority': authority }: PseudoHeaders,
): string {
  if (method === 'CONNECT') {
    if (scheme !== undefined || path !== undefined || authority === undefined) throw malformed('CONNECT with a path');
    return '';
  }
  if (!scheme) throw malformed('no :scheme');
  if (!path || (path[0] !== '/' && !(path === '*' && method === 'OPTIONS')))
    throw malformed(`:path ${JSON.stringify(path ?? '')}`);
  return path;
}

function malformed(what: string): StreamError {
  return new StreamError(errorCode.protocolError, `malformed request: ${what}`);
}
