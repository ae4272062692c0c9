import { badRequest, StatusError } from '../status-error.ts';
import { cloneJson, equalJson, isObject, type JsonObject, setOwn } from './json-value.ts';
import { goJsonType, unprocessable } from './patch-error.ts';

/** What kube-apiserver accepts at most in one patch (apiserver handlers/patch.go maxJSONPatchOperations). */
const maxOperations = 10_000;
/** So much all copies of a patch may add together (evanphx/json-patch AccumulatedCopySizeLimit, apiserver's maxRequestBodyBytes). */
const maxCopiedBytes = 3 * 1024 * 1024;

/**
 * The object after a JSON patch (RFC 6902), with the errors of kube-apiserver: 400 for what is no patch, 413 for too
 * long a patch, 422 for a patch that does not apply. `original` stays as it is.
 */
export function applyJsonPatch(original: JsonObject, patch: unknown): JsonObject {
  const operations = checkPatch(patch);
  const document: Document = { root: cloneJson<unknown>(original), copiedBytes: 0 };
  for (const operation of operations) applyOperation(document, operation);
  if (!isObject(document.root)) throw unprocessable('the patched document is not an object');
  return document.root;
}

interface Operation {
  op?: unknown;
  path?: unknown;
  from?: unknown;
  value?: unknown;
}

/** The document under the patch; a patch of path '' replaces the root itself. */
interface Document {
  root: unknown;
  /** What copy operations have added so far. */
  copiedBytes: number;
}

function checkPatch(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${goJsonType(patch)} into Go value of type jsonpatch.Patch`);
  }
  for (const operation of patch) {
    if (!isObject(operation)) {
      throw badRequest(`json: cannot unmarshal ${goJsonType(operation)} into Go value of type jsonpatch.Operation`);
    }
  }
  if (patch.length > maxOperations) {
    const problem = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`;
    throw new StatusError({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: ${problem}`,
    });
  }
  return patch;
}

function applyOperation(document: Document, operation: Operation): void {
  const { op } = operation;
  switch (op) {
    case 'add':
      add(document, pointer(operation, 'path'), valueToSet(operation));
      break;
    case 'remove':
      take(document, pointer(operation, 'path'), 'remove');
      break;
    case 'replace':
      replace(document, pointer(operation, 'path'), valueToSet(operation));
      break;
    case 'move':
      move(document, pointer(operation, 'from'), pointer(operation, 'path'));
      break;
    case 'copy':
      add(document, pointer(operation, 'path'), copyOf(document, pointer(operation, 'from')));
      break;
    case 'test':
      check(document, pointer(operation, 'path'), operation.value);
      break;
    default:
      throw unprocessable(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
  }
}

/** Each copy of what has been copied doubles it: a short patch would fill the memory. */
function copyOf(document: Document, from: string): unknown {
  const text = JSON.stringify(get(document, from, 'copy'));
  document.copiedBytes += text.length;
  if (document.copiedBytes > maxCopiedBytes) {
    const sizes = `the accumulated size increase of copy is ${document.copiedBytes}, exceeding the limit ${maxCopiedBytes}`;
    const message = `Request entity too large: Unable to complete the copy, ${sizes}`;
    throw new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message });
  }
  return JSON.parse(text);
}

function pointer(operation: Operation, member: 'path' | 'from'): string {
  const value = operation[member];
  if (typeof value !== 'string') throw unprocessable(`${operation.op} operation failed to decode ${member}`);
  return value;
}

/** RFC 6902 asks add and replace to have a value; evanphx/json-patch, and so the server, takes null for none. */
function valueToSet(operation: Operation): unknown {
  return cloneJson(operation.value ?? null);
}

interface Location {
  container: JsonObject | unknown[];
  key: string;
}

/** The object or array that holds what `path` points at (RFC 6901 section 4). */
function locate({ root }: Document, path: string, op: string): Location {
  const parts = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = parts.pop()!;
  let at: unknown = root;
  for (const part of parts.slice(1)) {
    if (Array.isArray(at)) at = at[existingIndex(at, part, op)];
    else at = isObject(at) && Object.hasOwn(at, part) ? at[part] : undefined;
  }
  if ((!isObject(at) && !Array.isArray(at)) || parts.length === 0) {
    throw unprocessable(`${op} operation does not apply: doc is missing path: "${path}": missing value`);
  }
  return { container: at, key };
}

function parseIndex(key: string, op: string): number {
  if (!/^[+-]?\d+$/.test(key)) throw unprocessable(`${op}: value was not a proper array index: '${key}'`);
  return Number(key);
}

/** Negative indexes count from the end, which goes beyond RFC 6901 but is what kube-apiserver does. */
function existingIndex(array: unknown[], key: string, op: string): number {
  const index = parseIndex(key, op);
  if (index >= array.length || index < -array.length) {
    throw unprocessable(`${op}: Unable to access invalid index: ${index}: invalid index referenced`);
  }
  return index < 0 ? index + array.length : index;
}

/** RFC 6902 section 4.1. */
function add(document: Document, path: string, value: unknown): void {
  if (path === '') {
    document.root = value;
    return;
  }
  const { container, key } = locate(document, path, 'add');
  if (!Array.isArray(container)) setOwn(container, key, value);
  else if (key === '-') container.push(value);
  else container.splice(insertionIndex(container, key), 0, value);
}

function insertionIndex(container: unknown[], key: string): number {
  const size = container.length + 1;
  const index = parseIndex(key, 'add');
  if (index >= size || index < -size) {
    throw unprocessable(`add: Unable to access invalid index: ${index}: invalid index referenced`);
  }
  return index < 0 ? index + size : index;
}

/** RFC 6902 section 4.4. */
function move(document: Document, from: string, path: string): void {
  if (path.startsWith(`${from}/`)) throw unprocessable(`move operation from ${from} into its own child ${path}`);
  add(document, path, take(document, from, 'move'));
}

/** RFC 6902 section 4.3 asks the target to exist; evanphx/json-patch, and so the server, asks it of array elements only. */
function replace(document: Document, path: string, value: unknown): void {
  if (path === '') {
    document.root = value;
    return;
  }
  const { container, key } = locate(document, path, 'replace');
  if (Array.isArray(container)) container[existingIndex(container, key, 'replace')] = value;
  else setOwn(container, key, value);
}

/** Removes and returns (RFC 6902 sections 4.2 and 4.4): the target must exist. */
function take(document: Document, path: string, op: string): unknown {
  const value = get(document, path, op);
  const { container, key } = locate(document, path, op);
  if (Array.isArray(container)) container.splice(existingIndex(container, key, op), 1);
  else delete container[key];
  return value;
}

function get(document: Document, path: string, op: string): unknown {
  if (path === '' && op !== 'remove' && op !== 'move') return document.root;
  const { container, key } = locate(document, path, op);
  if (Array.isArray(container)) return container[existingIndex(container, key, op)];
  if (!Object.hasOwn(container, key)) {
    throw unprocessable(`${op} operation does not apply: doc is missing key: ${path}: missing value`);
  }
  return container[key];
}

/** RFC 6902 section 4.6. A missing key passes a test for null, as in evanphx/json-patch. */
function check(document: Document, path: string, expected: unknown): void {
  const failed = `testing value ${path} failed: test failed`;
  if (path !== '') {
    const { container, key } = locate(document, path, 'test');
    if (!Array.isArray(container) && !Object.hasOwn(container, key)) {
      if (expected === null || expected === undefined) return;
      throw unprocessable(failed);
    }
  }
  if (!equalJson(get(document, path, 'test'), expected ?? null)) throw unprocessable(failed);
}
