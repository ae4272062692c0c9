/** What was parsed of bytes that do not change, for as long as somebody uses it. */
const values = new WeakMap<Uint8Array, WeakRef<object>>();

/**
 * The value of these bytes: the same one for all in this process that ask while it is in use. They must not change it.
 * Informers beside each other keep one copy of each object, not one each, and it is parsed once.
 */
export function sharedValue(bytes: Uint8Array): object {
  const known = values.get(bytes)?.deref();
  if (known) return known;
  const value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as object;
  values.set(bytes, new WeakRef(value));
  return value;
}

/** Stands in a stream of bytes for a value that need not become bytes, as it stays in this process. Nobody may change it. */
export class ValueFrame extends Uint8Array {
  readonly value: object;

  constructor(value: object) {
    super(0);
    this.value = value;
  }
}
