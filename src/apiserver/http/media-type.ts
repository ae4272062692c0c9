import { StatusError } from '../../api/status-error.ts';

export type Format = 'json' | 'yaml' | 'protobuf';

/** What the client wants to get. */
export interface Accepted {
  format: Format;
  /** A transformation of the object: a table for people, or metadata only. */
  as: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  /** Version of meta.k8s.io that `as` is in. */
  asVersion: string;
  pretty: boolean;
}

export const contentTypes: Record<Format, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const formats: Record<string, Format> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'application/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};

const plainJson: Accepted = { format: 'json', as: undefined, asVersion: '', pretty: false };
/** Accept headers are few and repeated. */
const parsed = new Map<string, Accepted | undefined>();

/** Programs of people who read what they get (apiserver pkg/endpoints/handlers/responsewriters isPrettyPrint). */
const people = /^(curl|Wget|Mozilla\/5\.0)/;

/** The same, indented if the query asks for it, or if the answer is read by people. */
export function prettified(accepted: Accepted, query: URLSearchParams, userAgent: string | undefined): Accepted {
  if (accepted.format !== 'json') return accepted;
  const asked = query.size > 0 ? query.get('pretty') : null;
  const pretty = asked ? /^(1|t|true)$/i.test(asked) : userAgent !== undefined && people.test(userAgent);
  return pretty === accepted.pretty || accepted.pretty ? accepted : { ...accepted, pretty };
}

/**
 * Picks the first acceptable media type (apiserver pkg/endpoints/handlers/negotiation). Throws 406.
 * `protobuf`: whether what is asked for has that form; custom resources have not.
 */
export function negotiate(header: string | undefined, { protobuf = true } = {}): Accepted {
  if (header === undefined || header === '' || header === '*/*' || header === 'application/json') return plainJson;
  const key = protobuf ? header : `${header} `;
  if (!parsed.has(key)) {
    if (parsed.size > 1000) parsed.clear();
    parsed.set(key, parseAccept(header, protobuf));
  }
  const accepted = parsed.get(key);
  if (!accepted) throw notAcceptable();
  return accepted;
}

/** Like negotiate, but falls back to JSON: an error must reach the client somehow. */
export function negotiateError(header: string | undefined): Accepted {
  try {
    return { ...negotiate(header), as: undefined };
  } catch {
    return plainJson;
  }
}

/** The format of a request body; undefined for one that the server cannot read. No header means JSON. */
export function bodyFormat(contentType: string | undefined): Format | undefined {
  if (!contentType) return 'json';
  const type = mediaType(contentType);
  return type.includes('*') ? undefined : formats[type];
}

/** The media type in lower case, without parameters. */
export function mediaType(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase();
}

export function unsupportedMediaType(supported: string[]): StatusError {
  return new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  });
}

function notAcceptable(): StatusError {
  return new StatusError({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${Object.values(contentTypes).join(', ')}`,
  });
}

function parseAccept(header: string, protobuf: boolean): Accepted | undefined {
  const clauses = header.split(',').map(parseClause);
  clauses.sort((a, b) => b.quality - a.quality);
  for (const { type, parameters } of clauses) {
    const format = formats[type];
    const as = parameters.get('as');
    if (!format || (format === 'protobuf' && (!protobuf || as === 'Table'))) continue;
    if (as !== undefined && !supportsAs(as, parameters)) continue;
    return {
      format,
      as: as as Accepted['as'],
      asVersion: parameters.get('v') ?? '',
      pretty: parameters.get('pretty') === '1',
    };
  }
  return undefined;
}

function supportsAs(as: string, parameters: Map<string, string>): boolean {
  if (parameters.get('g') !== 'meta.k8s.io') return false;
  const version = parameters.get('v');
  if (version !== 'v1' && version !== 'v1beta1') return false;
  return as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList';
}

function parseClause(clause: string): { type: string; quality: number; parameters: Map<string, string> } {
  const [type = '', ...rest] = clause.split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const quality = Number(parameters.get('q') ?? '1');
  return { type: type.toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality, parameters };
}
