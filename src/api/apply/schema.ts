/**
 * What server-side apply must know of a value's type (structured-merge-diff schema). Implemented over the facts table
 * for built-in types and over OpenAPI for custom resources.
 */
export type Schema = ScalarSchema | AtomicSchema | DeducedSchema | MapSchema | ListSchema;

/** One value, replaced as a whole. */
export interface ScalarSchema {
  readonly kind: 'scalar';
  readonly type: 'string' | 'numeric' | 'boolean' | 'any';
}

/** A list or map that has one owner. */
export interface AtomicSchema {
  readonly kind: 'atomic';
  readonly of: 'list' | 'map';
}

/** A value without a declared type: maps are granular, lists and the rest are one value. */
export interface DeducedSchema {
  readonly kind: 'deduced';
}

export interface MapSchema {
  readonly kind: 'map';
  /** The schema of a declared field; undefined for what is none. */
  field(name: string): Schema | undefined;
  /** The schema of everything that is no declared field; undefined where such keys are not allowed. */
  readonly element: Schema | undefined;
  /**
   * Declared fields that Go writes even when nobody set them: structs held by value as {}, lists without omitempty as
   * null. An object that lacks one is compared as if it had it.
   */
  readonly implied: ReadonlyMap<string, Record<string, never> | null>;
}

export interface ListSchema {
  readonly kind: 'list';
  /** Names of the fields that tell elements apart, sorted; undefined in a set of scalars. */
  readonly keys: readonly string[] | undefined;
  /** Values of keys that elements may leave out. */
  readonly keyDefaults: Readonly<Record<string, unknown>>;
  readonly element: Schema;
}

export const deduced: DeducedSchema = { kind: 'deduced' };
const deducedMap: MapSchema = { kind: 'map', field: () => undefined, element: deduced, implied: new Map() };
const atomicList: AtomicSchema = { kind: 'atomic', of: 'list' };
const anyScalar: ScalarSchema = { kind: 'scalar', type: 'any' };

/** The schema as it applies to one value: settles what is deduced. */
export function settle(schema: Schema, value: unknown): Exclude<Schema, DeducedSchema> {
  if (schema.kind !== 'deduced') return schema;
  if (Array.isArray(value)) return atomicList;
  return typeof value === 'object' && value !== null ? deducedMap : anyScalar;
}

/** Thrown by `elementOf` for a list element that cannot be told apart from others. */
export class ElementError extends Error {}

/** The path element of a list element (structured-merge-diff typed/helpers.go). */
export function elementOf(schema: ListSchema, item: unknown): string {
  if (!schema.keys) return setElement(item);
  if (item === null || item === undefined) {
    throw new ElementError('associative list with keys may not have a null element');
  }
  if (typeof item !== 'object' || Array.isArray(item)) {
    throw new ElementError('associative list with keys may not have non-map elements');
  }
  let text = '';
  for (const key of schema.keys) {
    const value = (item as Record<string, unknown>)[key] ?? schema.keyDefaults[key];
    if (value === undefined) {
      throw new ElementError(
        `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
      );
    }
    text += `${text ? ',' : ''}${JSON.stringify(key)}:${JSON.stringify(value)}`;
  }
  return `k:{${text}}`;
}

function setElement(item: unknown): string {
  if (item === null) throw new ElementError("associative list without keys has an element that's an explicit null");
  if (Array.isArray(item)) throw new ElementError('not supported: associative list with lists as elements');
  if (typeof item === 'object') {
    throw new ElementError("associative list without keys has an element that's a map type");
  }
  return `v:${JSON.stringify(item)}`;
}
