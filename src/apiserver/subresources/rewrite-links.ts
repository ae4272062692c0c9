import { Readable } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';

/** Where a proxied server is, as its clients see it and as we do. */
export interface ProxiedPlace {
  /** What our path has before the server's own: '/api/v1/namespaces/a/pods/b/proxy'. */
  prefix: string;
  /** The Host header of the request. */
  requestHost: string;
  /** Host and port of the server. */
  targetHost: string;
}

/** Attributes of HTML that hold one URL (apimachinery pkg/util/proxy/transport.go atomsToAttrs). */
const urlAttributes: Record<string, string[]> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** A URL of the proxied server, as it has to be for our clients: absolute paths get the prefix, other hosts stay. */
export function rewriteUrl(text: string, { prefix, requestHost, targetHost }: ProxiedPlace): string {
  const absolute = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)(.*)$/i.exec(text);
  const host = absolute?.[1] ?? '';
  const rest = absolute ? absolute[2]! : text;
  if (host !== '' && host !== requestHost && host !== targetHost) return text;
  if (!rest.startsWith('/')) return text;
  const path = rest.startsWith(prefix) ? rest : prefix + rest;
  // A host that is the client's own way to us may stay; that of the server means nothing to clients.
  return absolute && host === requestHost ? text.slice(0, text.length - rest.length) + path : path;
}

/** The page with its links rewritten; as it is if it has an encoding that we cannot read. */
export function rewritePage(page: Readable, encoding: string | undefined, place: ProxiedPlace): Readable {
  const rewritten = (plain: AsyncIterable<Buffer>) => Readable.from(rewriteTags(plain, place), { objectMode: false });
  if (!encoding || encoding === 'identity') return rewritten(page);
  if (encoding !== 'gzip' && encoding !== 'deflate') return page;
  const [decode, encode] = encoding === 'gzip' ? [createGunzip(), createGzip()] : [createInflate(), createDeflate()];
  page.on('error', (error) => decode.destroy(error));
  const plain = rewritten(page.pipe(decode));
  plain.on('error', (error) => encode.destroy(error));
  return plain.pipe(encode);
}

/** The longest piece of a tag that is kept back while its end has not come. */
const maxTag = 64 * 1024;

/** Bytes are taken as Latin-1, so that whatever the page's encoding is, what is no tag goes through unchanged. */
async function* rewriteTags(page: AsyncIterable<Buffer>, place: ProxiedPlace): AsyncIterable<Buffer> {
  let pending = '';
  for await (const chunk of page) {
    const text = pending + chunk.toString('latin1');
    const open = text.lastIndexOf('<');
    const cut = open >= 0 && !text.includes('>', open) && text.length - open < maxTag ? open : text.length;
    pending = text.slice(cut);
    yield rewriteText(text.slice(0, cut), place);
  }
  if (pending) yield rewriteText(pending, place);
}

function rewriteText(text: string, place: ProxiedPlace): Buffer {
  const rewritten = text.replace(/<([a-z][a-z0-9]*)(\s[^>]*)>/gi, (tag, name: string, attributes: string) => {
    const names = urlAttributes[name.toLowerCase()];
    if (!names) return tag;
    const changed = attributes.replace(
      /(\s)([a-z-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/gi,
      (attribute, space: string, key: string, equals: string, value: string) => {
        if (!names.includes(key.toLowerCase())) return attribute;
        const quote = /^["']/.test(value) ? value[0]! : '';
        const url = quote ? value.slice(1, -1) : value;
        return `${space}${key}${equals}${quote}${rewriteUrl(url, place)}${quote}`;
      },
    );
    return `<${name}${changed}>`;
  });
  return Buffer.from(rewritten, 'latin1');
}
