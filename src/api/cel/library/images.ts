import type { Environment } from '@marcbachmann/cel-js';

class CelImage {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  constructor(registry: string, repository: string, tag: string, digest: string) {
    this.registry = registry;
    this.repository = repository;
    this.tag = tag;
    this.digest = digest;
  }
}

/** References of images (apiserver pkg/cel/library/image.go; go-containerregistry pkg/name, where it is not strict). */
export function registerImages(environment: Environment): void {
  const sync = { async: false };
  const type = 'kubernetes.Image';
  environment
    .registerType(type, CelImage)
    .registerFunction(`image(string): ${type}`, parseImage, sync)
    .registerFunction('isImage(string): bool', isImage, sync)
    .registerFunction(`${type}.containsDigest(): bool`, (image: CelImage) => image.digest !== '', sync)
    .registerFunction(`${type}.identifier(): string`, (image: CelImage) => image.digest || image.tag, sync);
  for (const part of ['registry', 'repository', 'tag', 'digest'] as const)
    environment.registerFunction(`${type}.${part}(): string`, (image: CelImage) => image[part], sync);
}

const defaultRegistry = 'index.docker.io';

function parseImage(text: string): CelImage {
  const fail = (why: string) => new Error(`could not parse reference: ${text}: ${why}`);
  const [tagged = '', digest, more] = text.split('@');
  if (more !== undefined || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)))
    throw fail('a digest must contain exactly one "@" and 64 hexadecimal digits of sha256');
  // What follows the last colon is the tag, unless the colon is that of a port.
  const [, name = '', tag = ''] = /^(.*?)(?::([^:/]*))?$/.exec(tagged) ?? [];
  if (tag !== '' && !/^[\w.-]{1,128}$/.test(tag)) throw fail(`"${tag}" is no tag`);
  const [first = '', ...rest] = name.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const repository = hasRegistry ? rest.join('/') : name;
  if (!/^[a-z0-9_.-]+(\/[a-z0-9_.-]+)*$/.test(repository) || repository.length < 2 || repository.length > 255)
    throw fail(`"${repository}" is no repository`);
  if (hasRegistry && !/^[A-Za-z0-9.-]+(:\d+)?$/.test(first)) throw fail(`"${first}" is no registry`);
  const registry = hasRegistry ? first : defaultRegistry;
  const isOfficial = registry === defaultRegistry && !repository.includes('/');
  return new CelImage(
    registry,
    isOfficial ? `library/${repository}` : repository,
    digest === undefined ? tag || 'latest' : '',
    digest ?? '',
  );
}

function isImage(text: string): boolean {
  try {
    parseImage(text);
    return true;
  } catch {
    return false;
  }
}
