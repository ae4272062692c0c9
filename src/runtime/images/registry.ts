import http from 'node:http';
import https from 'node:https';
import {
  basicHeader,
  type Challenge,
  type Credential,
  parseChallenge,
  tokenRequest,
  userAndPassword,
} from './registry-auth.ts';
import type { Endpoint } from './registry-config.ts';

/** A registry's refusal: HTTP status and what it says in its error document. */
export class RegistryError extends Error {
  readonly status: number;
  /** Whether the answer is a registry's and not that of some other server. */
  readonly fromRegistry: boolean;

  constructor(message: string, status: number, fromRegistry = true) {
    super(message);
    this.name = 'RegistryError';
    this.status = status;
    this.fromRegistry = fromRegistry;
  }
}

const userAgent = 'vitrine';
const connectTimeoutMs = 30_000;
const idleTimeoutMs = 60_000;

/** Reads one repository of one registry over the OCI distribution protocol, with one credential. */
export class RegistryClient {
  readonly #endpoint: Endpoint;
  readonly #repository: string;
  readonly #credential: Credential;
  readonly #signal: AbortSignal | undefined;
  /** Value of the Authorization header that the registry accepted last. */
  #authorization: string | undefined;

  constructor(endpoint: Endpoint, repository: string, credential: Credential, signal?: AbortSignal) {
    this.#endpoint = endpoint;
    this.#repository = repository;
    this.#credential = credential;
    this.#signal = signal;
    if (credential.registryToken) this.#authorization = `Bearer ${credential.registryToken}`;
  }

  /** URL of a manifest or blob, as error messages show it. */
  url(kind: 'manifests' | 'blobs', reference: string): URL {
    const { pathname } = this.#endpoint.url;
    const base = pathname.replace(/\/$/, '');
    const api = this.#endpoint.overridePath ? base : `${base.replace(/\/v2$/, '')}/v2`;
    const url = new URL(`${api}/${this.#repository}/${kind}/${reference}`, this.#endpoint.url);
    if (this.#endpoint.mirror) url.searchParams.set('ns', this.#endpoint.registry);
    return url;
  }

  /** Sends a GET, answering an authentication challenge once and following redirects. */
  async get(url: URL, headers: Record<string, string> = {}): Promise<http.IncomingMessage> {
    return this.#send('GET', url, headers);
  }

  /** The digest of the document behind a tag, from the headers of HEAD; undefined where the registry does not tell. */
  async digest(url: URL, headers: Record<string, string>): Promise<string | undefined> {
    const response = await this.#send('HEAD', url, headers);
    response.resume();
    const digest = response.headers['docker-content-digest'];
    return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  }

  async #send(method: string, url: URL, headers: Record<string, string>): Promise<http.IncomingMessage> {
    let response = await this.#request(url, method, this.#withAuthorization(headers));
    if (response.statusCode === 401) {
      response.resume();
      await this.#authenticate(response);
      response = await this.#request(url, method, this.#withAuthorization(headers));
    }
    for (let hops = 0; isRedirect(response) && hops < 10; hops++) {
      response.resume();
      const target = new URL(response.headers.location as string, url);
      // The credential is for the registry, not for the storage that it redirects to.
      const own = target.host === url.host ? this.#withAuthorization(headers) : headers;
      response = await this.#request(target, method, own);
    }
    const status = response.statusCode ?? 0;
    if (status >= 400) throw await refusal(response, method, url);
    return response;
  }

  #withAuthorization(headers: Record<string, string>): Record<string, string> {
    return this.#authorization === undefined ? headers : { ...headers, authorization: this.#authorization };
  }

  async #authenticate(response: http.IncomingMessage): Promise<void> {
    const challenges = rawHeaders(response, 'www-authenticate').map(parseChallenge);
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer) {
      this.#authorization = `Bearer ${await this.#token(bearer)}`;
      return;
    }
    const login = userAndPassword(this.#credential, this.#endpoint);
    if (challenges.some((challenge) => challenge.scheme === 'basic') && login) this.#authorization = basicHeader(login);
  }

  async #token(challenge: Challenge): Promise<string> {
    const scope = `repository:${this.#repository}:pull`;
    const { url, method, headers, body } = tokenRequest(challenge, this.#credential, scope, this.#endpoint);
    const response = await this.#request(url, method, headers, body);
    const text = await readText(response);
    const status = response.statusCode ?? 0;
    if (status >= 400) {
      const what = this.#credential.username || this.#credential.auth ? 'oauth' : 'anonymous';
      throw new RegistryError(`failed to fetch ${what} token: unexpected status: ${statusText(response)}`, status);
    }
    const { token, access_token: accessToken } = JSON.parse(text) as { token?: string; access_token?: string };
    const found = token ?? accessToken;
    if (!found) throw new RegistryError('failed to fetch token: authorization server did not include a token', status);
    return found;
  }

  #request(url: URL, method: string, headers: Record<string, string>, body?: string): Promise<http.IncomingMessage> {
    const { insecure, ca, client } = this.#endpoint;
    const own = url.host === this.#endpoint.url.host;
    const options: https.RequestOptions = {
      method,
      headers: { 'user-agent': userAgent, ...(own && this.#endpoint.headers), ...headers },
      ...(this.#signal && { signal: this.#signal }),
      ...(url.protocol === 'https:' && { rejectUnauthorized: !insecure, ...(ca && { ca }), ...(own && client) }),
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
      request.setTimeout(connectTimeoutMs, () => request.destroy(timeoutError(url)));
      request.on('response', (response) => {
        response.setTimeout(idleTimeoutMs, () => response.destroy(new Error('timeout awaiting response body')));
      });
      request.on('error', (error) => reject(dialError(error as NodeJS.ErrnoException, url)));
      request.end(body);
    });
  }
}

export async function readText(response: http.IncomingMessage, limit = 8 << 20): Promise<string> {
  return (await readBody(response, limit)).toString();
}

export async function readBody(response: http.IncomingMessage, limit = 8 << 20): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > limit) throw new Error(`response is larger than ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

async function refusal(response: http.IncomingMessage, method: string, url: URL): Promise<RegistryError> {
  const text = await readText(response).catch(() => '');
  return new RegistryError(
    `unexpected status from ${method} request to ${url}: ${statusText(response)}${detail(text)}`,
    response.statusCode ?? 0,
    response.headers['docker-distribution-api-version'] !== undefined || detail(text) !== '',
  );
}

/** ': denied: requested access to the resource is denied' from a distribution error document. */
function detail(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: { code: string; message?: string }[] };
    const first = errors?.[0];
    return first ? `: ${first.code.toLowerCase().replaceAll('_', ' ')}: ${first.message ?? ''}` : '';
  } catch {
    return '';
  }
}

const statusText = (response: http.IncomingMessage): string =>
  `${response.statusCode} ${http.STATUS_CODES[response.statusCode ?? 0] ?? ''}`.trim();

const isRedirect = (response: http.IncomingMessage): boolean =>
  [301, 302, 303, 307, 308].includes(response.statusCode ?? 0) && response.headers.location !== undefined;

function rawHeaders(response: http.IncomingMessage, name: string): string[] {
  const found: string[] = [];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    if (response.rawHeaders[i]?.toLowerCase() === name) found.push(response.rawHeaders[i + 1] ?? '');
  }
  return found;
}

const dialReasons: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** A connection error in the words of Go's net package, which is what users of Kubernetes search for. */
function dialError(
  error: NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string },
  url: URL,
): Error {
  const code = error.code ?? '';
  // Attempts on several addresses come as one AggregateError.
  const first = (error as unknown as { errors?: (typeof error)[] }).errors?.[0] ?? error;
  const reason = dialReasons[code];
  if (reason) {
    const address = first.address?.includes(':') ? `[${first.address}]` : first.address;
    return new Error(`dial tcp ${address ?? url.hostname}:${first.port ?? (url.port || defaultPort(url))}: ${reason}`, {
      cause: error,
    });
  }
  if (code === 'ENOTFOUND') return new Error(`dial tcp: lookup ${url.hostname}: no such host`, { cause: error });
  if (code === 'EAI_AGAIN') {
    return new Error(`dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`, { cause: error });
  }
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME/.test(code)) {
    return new Error(`tls: failed to verify certificate: ${error.message}`, { cause: error });
  }
  return error;
}

const defaultPort = (url: URL): string => (url.protocol === 'https:' ? '443' : '80');

function timeoutError(url: URL): NodeJS.ErrnoException {
  return Object.assign(new Error(`timeout from ${url.host}`), { code: 'ETIMEDOUT' });
}
