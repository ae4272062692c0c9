import { ImageError } from '../runtime.ts';

/** A parsed image name. `domain/path` is the repository; a name without tag and digest has the tag 'latest'. */
export interface Reference {
  domain: string;
  path: string;
  tag?: string;
  digest?: string;
}

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const host = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[(?:[a-fA-F0-9:]+)\\])`;
const domainPattern = `${host}(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const remoteName = `${pathComponent}(?:/${pathComponent})*`;
const tagPattern = '[\\w][\\w.-]{0,127}';
const digestPattern = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';

/** The grammar of github.com/distribution/reference regexp.go: [domain/]path[:tag][@digest]. */
const referenceRegExp = new RegExp(
  `^((?:${domainPattern}/)?${remoteName})(?::(${tagPattern}))?(?:@(${digestPattern}))?$`,
);
const anchoredName = new RegExp(`^(?:(${domainPattern})/)?(${remoteName})$`);
const digestLengths: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 };

/**
 * Reads an image name as docker and the kubelet do (distribution/reference normalize.go ParseDockerRef): default domain
 * docker.io, 'library/' before a single component, tag latest; a digest makes the tag meaningless and drops it.
 */
export function parseReference(name: string): Reference {
  if (/^[a-f0-9]{64}$/.test(name)) {
    throw invalid(`invalid repository name (${name}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, remainder } = splitDomain(name);
  const nameOnly = remainder.replace(/@.*$/, '').replace(/:[^/]*$/, '');
  if (nameOnly !== nameOnly.toLowerCase()) {
    throw invalid(`invalid reference format: repository name (${nameOnly}) must be lowercase`);
  }
  const match = referenceRegExp.exec(`${domain}/${remainder}`);
  if (!match) throw invalid('invalid reference format');
  const parts = anchoredName.exec(match[1] ?? '');
  const path = parts?.[2] ?? '';
  if (path.length > 255) throw invalid('repository name must not be more than 255 characters');
  const digest = match[3];
  if (digest !== undefined) {
    checkDigest(digest);
    return { domain, path, digest };
  }
  return { domain, path, tag: match[2] ?? 'latest' };
}

/** 'docker.io/library/httpd:latest', the name under which the store keeps an image. */
export function formatReference(reference: Reference): string {
  const repository = repositoryOf(reference);
  return reference.digest ? `${repository}@${reference.digest}` : `${repository}:${reference.tag ?? 'latest'}`;
}

/** 'docker.io/library/httpd'. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** 'httpd' and 'index.docker.io/httpd' both give 'docker.io/library/httpd:latest'. */
export function normalizeName(name: string): string {
  return formatReference(parseReference(name));
}

/** normalize.go splitDockerDomain: what stands before the first slash is a domain only if it looks like one. */
function splitDomain(name: string): { domain: string; remainder: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  let domain = isDomain ? first : 'docker.io';
  let remainder = isDomain ? name.slice(slash + 1) : name;
  if (domain === 'index.docker.io') domain = 'docker.io';
  if (domain === 'docker.io' && !remainder.includes('/')) remainder = `library/${remainder}`;
  return { domain, remainder };
}

function checkDigest(digest: string): void {
  const [algorithm = '', hex = ''] = digest.split(':');
  const length = digestLengths[algorithm];
  if (length === undefined) throw invalid('unsupported digest algorithm');
  if (hex.length !== length) throw invalid('invalid checksum digest length');
  if (hex !== hex.toLowerCase()) throw invalid('invalid checksum digest format');
}

function invalid(message: string): ImageError {
  return new ImageError('InvalidImageName', message);
}
