import table from './generated/facts.json' with { type: 'json' };

/** Types of the facts table that are not structs. */
export type ScalarName =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'byte'
  | 'quantity'
  | 'intOrString'
  | 'raw'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'fieldsV1'
  | 'json';

/** A parsed type expression such as '[]core/v1.Container', '{}string' or 'int32'. */
export type ParsedType =
  | { readonly kind: 'list'; readonly of: ParsedType }
  | { readonly kind: 'map'; readonly of: ParsedType }
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'struct'; readonly name: string };

/** What the Kubernetes sources say about one field (struct tags, +markers, protobuf tags). */
export interface FieldFacts {
  readonly name: string;
  /** The type expression as written in the table. */
  readonly type: string;
  /** `type`, parsed. */
  readonly parsed: ParsedType;
  /** A Go pointer: a zero value is something else than an absent one. */
  readonly pointer?: boolean;
  /** `omitempty` or +optional: the zero value is not written, unless `written` says so. */
  readonly optional?: boolean;
  /** Optional, but without `omitempty`. */
  readonly written?: boolean;
  /** +required. Not every required field is marked. */
  readonly required?: boolean;
  /** Set on apiVersion and kind of top-level objects, which have no protobuf number. */
  readonly typeMeta?: boolean;
  /** Protobuf field number. */
  readonly number?: number;
  /** Protobuf numbers of the embedded structs that lead to the field, outermost first. */
  readonly via?: readonly number[];
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly immutable?: boolean;
  readonly minimum?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly format?: string;
  /** Of strategic merge patch: 'merge', 'retainKeys', 'merge,retainKeys'. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
}

/** One struct of the API. */
export interface TypeFacts {
  /** Such as 'core/v1.Pod'. */
  readonly name: string;
  /** +structType=atomic: server-side apply treats it as one value. */
  readonly atomic: boolean;
  /** By JSON name, in declaration order, embedded structs spread out. */
  readonly fields: ReadonlyMap<string, FieldFacts>;
}

/** The facts of a struct by its full name, such as 'apps/v1.Deployment'. Undefined for what is not in the table. */
export function typeFacts(name: string): TypeFacts | undefined {
  const known = cache.get(name);
  if (known) return known;
  const raw = rawTypes[name];
  if (!raw) return undefined;
  const fields = new Map<string, FieldFacts>();
  for (const field of raw.fields) fields.set(field.name, { ...field, parsed: parseType(field.type) });
  const facts: TypeFacts = { name, atomic: raw.atomic ?? false, fields };
  cache.set(name, facts);
  return facts;
}

/** The same, for names that the program itself wrote. Throws on an unknown one. */
export function mustTypeFacts(name: string): TypeFacts {
  const facts = typeFacts(name);
  if (!facts) throw new Error(`no facts about type ${name}`);
  return facts;
}

/** Names of all types in the table. */
export function typeNames(): string[] {
  return Object.keys(rawTypes);
}

/** Parses a type expression; equal expressions give the same object. */
export function parseType(expression: string): ParsedType {
  const known = parsedTypes.get(expression);
  if (known) return known;
  const parsed = parse(expression);
  parsedTypes.set(expression, parsed);
  return parsed;
}

/** Whether `name` is a scalar of the facts table. */
export function isScalarName(name: string): name is ScalarName {
  return scalarNames.has(name);
}

interface RawType {
  fields: Omit<FieldFacts, 'parsed'>[];
  atomic?: boolean;
}

const rawTypes = table.types as unknown as Record<string, RawType | undefined>;
const cache = new Map<string, TypeFacts>();
const parsedTypes = new Map<string, ParsedType>();
const scalarNames: ReadonlySet<string> = new Set<ScalarName>([
  'string',
  'bool',
  'int32',
  'int64',
  'double',
  'bytes',
  'byte',
  'quantity',
  'intOrString',
  'raw',
  'time',
  'microTime',
  'duration',
  'fieldsV1',
  'json',
]);

function parse(expression: string): ParsedType {
  if (expression.startsWith('[]')) return { kind: 'list', of: parseType(expression.slice(2)) };
  if (expression.startsWith('{}')) return { kind: 'map', of: parseType(expression.slice(2)) };
  if (isScalarName(expression)) return { kind: 'scalar', name: expression };
  return { kind: 'struct', name: expression };
}
