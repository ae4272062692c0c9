import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What a request may be: not at all, to be let in with its token, or that of a known browser. */
export type Admission = { allow: true } | { allow: false; status: number; reason: string };

/**
 * Who may use the page. A token is good for one exchange against a cookie, so that a URL in a shell's history or a
 * browser's opens nothing. The cookie is named after the port: cookies of one host are shared by all its ports.
 */
export class Guard {
  readonly #cookieName: string;
  /** Tokens that nobody has used yet. */
  readonly #tokens = new Set<string>();
  /** Sessions of browsers that had a token; they end with the process. */
  readonly #sessions = new Set<string>();

  constructor(port: number) {
    this.#cookieName = `vitrine-${port}`;
  }

  newToken(): string {
    const token = randomBytes(24).toString('base64url');
    this.#tokens.add(token);
    return token;
  }

  /** The Set-Cookie header for a token that is good; it is not any more. */
  exchange(token: string): string | undefined {
    if (!take(this.#tokens, token)) return undefined;
    const session = randomBytes(32).toString('base64url');
    this.#sessions.add(session);
    return `${this.#cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  knows(headers: IncomingHttpHeaders): boolean {
    const session = cookie(headers.cookie ?? '', this.#cookieName);
    return session !== undefined && find(this.#sessions, session) !== undefined;
  }
}

/**
 * Only names of this machine: a page of another site whose name was made to point here (DNS rebinding) sends its own.
 * The port may differ, for tunnels (`ssh -L`).
 */
export function checkHost(host: string | undefined): Admission {
  if (host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/.test(host)) return { allow: true };
  return { allow: false, status: 421, reason: 'this page is served to this machine only, as 127.0.0.1 or localhost' };
}

/**
 * Whoever can change something, or opens a WebSocket (to which the same-origin policy does not apply), must say that
 * it comes from this page (RFC 6454 section 7).
 */
export function checkOrigin(method: string, headers: IncomingHttpHeaders, required: boolean): Admission {
  const { origin, host } = headers;
  if (origin === undefined && !required && (method === 'GET' || method === 'HEAD')) return { allow: true };
  if (origin === `http://${host}`) return { allow: true };
  return { allow: false, status: 403, reason: `origin "${origin ?? ''}" is not this page's` };
}

/** The page may run and fetch only what this server sends. `nonce` is for style elements that xterm.js makes. */
export function securityHeaders(nonce?: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    nonce === undefined ? "style-src 'self'" : `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
}

function take(set: Set<string>, value: string): boolean {
  const found = find(set, value);
  return found !== undefined && set.delete(found);
}

/** Compares in constant time. */
function find(set: Set<string>, value: string): string | undefined {
  const wanted = Buffer.from(value);
  for (const candidate of set) {
    const bytes = Buffer.from(candidate);
    if (bytes.length === wanted.length && timingSafeEqual(bytes, wanted)) return candidate;
  }
  return undefined;
}

function cookie(header: string, name: string): string | undefined {
  for (const part of header.split(/;\s*/)) if (part.startsWith(`${name}=`)) return part.slice(name.length + 1);
  return undefined;
}
