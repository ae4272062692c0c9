import type { Environment } from '@marcbachmann/cel-js';

export class CelUrl {
  readonly url: URL;
  readonly text: string;
  constructor(url: URL, text: string) {
    this.url = url;
    this.text = text;
  }
}

/** URLs, absolute or beginning with a slash (apiserver pkg/cel/library/urls.go). */
export function registerUrls(environment: Environment): void {
  const sync = { async: false };
  environment
    .registerType('URL', CelUrl)
    .registerOperator('URL == URL', (a: CelUrl, b: CelUrl) => a.text === b.text)
    .registerFunction('isURL(string): bool', (text: string) => parsed(text) !== undefined, sync)
    .registerFunction(
      'url(string): URL',
      (text: string) => {
        const url = parsed(text);
        if (!url)
          throw new Error(
            `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`,
          );
        return new CelUrl(url, text);
      },
      sync,
    )
    .registerFunction(
      'URL.getScheme(): string',
      ({ url }: CelUrl) => (isPath(url) ? '' : url.protocol.slice(0, -1)),
      sync,
    )
    .registerFunction('URL.getHost(): string', ({ url, text }: CelUrl) => url.host || hostOf(text), sync)
    .registerFunction('URL.getHostname(): string', ({ url }: CelUrl) => url.hostname.replace(/^\[|\]$/g, ''), sync)
    .registerFunction(
      'URL.getPort(): string',
      ({ url, text }: CelUrl) => url.port || (/:(\d+)$/.exec(hostOf(text))?.[1] ?? ''),
      sync,
    )
    .registerFunction(
      'URL.getEscapedPath(): string',
      ({ url, text }: CelUrl) => (url.pathname === '/' && !pathOf(text) ? '' : url.pathname),
      sync,
    )
    .registerFunction(
      'URL.getQuery(): map<string, list<string>>',
      ({ url }: CelUrl) =>
        Object.fromEntries([...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key)])),
      sync,
    )
    .registerFunction('string(URL): string', ({ text }: CelUrl) => text, sync);
}

const isPath = (url: URL) => url.protocol === 'path:';

function parsed(text: string): URL | undefined {
  if (text.startsWith('/') && !/\s/.test(text)) return new URL(text, 'path://');
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** As it was written: the URL class drops the default port. */
const hostOf = (text: string) => /^[^/?#]+:\/\/(?:[^/?#@]*@)?([^/?#]*)/.exec(text)?.[1] ?? '';
const pathOf = (text: string) => /^(?:[^/?#]+:\/\/[^/?#]*)?([^?#]*)/.exec(text)?.[1] ?? '';
