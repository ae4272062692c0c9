import { goValue, hasPatchDirective, withoutDirectives } from './directives.ts';
import { isObject, type JsonObject } from './json-value.ts';
import { unclassified, unprocessable } from './patch-error.ts';

/** How the maps in a list merge. */
export interface ListRule {
  /** The member that tells elements apart; '' in lists of primitives. */
  mergeKey: string;
  mergeElement(old: JsonObject, change: JsonObject): JsonObject;
}

/** Merges list `changes` into list `old` (strategicpatch mergeSlice): maps by `mergeKey`, primitives as a set. */
export function mergeLists(
  old: unknown[],
  changes: unknown[],
  { mergeKey, mergeElement }: ListRule,
  deletion: boolean,
): unknown[] {
  if (old.length === 0 && changes.length === 0) return old;
  if (elementKind(old, changes) !== 'map') {
    if (deletion) return old.filter((value) => !changes.includes(value));
    return inOrder([...new Set([...old, ...changes])], changes, old, '');
  }
  if (!mergeKey) throw unclassified('cannot merge lists without merge key for slice');
  const { kept, additions } = obeyDirectives(old as JsonObject[], changes as JsonObject[], mergeKey);
  const merged = [...kept];
  for (const change of additions) {
    const at = merged.findIndex((item) => item[mergeKey] === keyOf(change, mergeKey));
    if (at < 0) merged.push(change);
    else merged[at] = mergeElement(merged[at]!, change);
  }
  return inOrder(merged, additions, kept, mergeKey);
}

export interface OrderedMerge extends ListRule {
  old: unknown[] | undefined;
  changes: unknown[] | undefined;
  /** The list of `$setElementOrder`. */
  order: unknown[];
  /** Whether the list merges at all, or is replaced. */
  merges: boolean;
}

/** A list merged and put in the order the client asked for (strategicpatch mergePatchIntoOriginal). */
export function orderBySetElementOrder(request: OrderedMerge): unknown[] {
  const { old, changes, order, mergeKey, merges } = request;
  checkOrder(changes ?? [], order, mergeKey);
  const merged =
    old && changes
      ? merges
        ? mergeLists(old, changes, request, false)
        : changes
      : (old ?? (withoutDirectives(changes ?? []) as unknown[]));
  if (merged.length === 0) return merged;
  return inOrder(merged, order, old ?? [], mergeKey);
}

/** `$patch` in list elements: delete takes out every match, replace makes the rest of `changes` the whole list. */
function obeyDirectives(old: JsonObject[], changes: JsonObject[], mergeKey: string) {
  let kept = old;
  let replaced = false;
  const additions: JsonObject[] = [];
  for (const change of changes) {
    const action = change.$patch;
    if (action === undefined) additions.push(change);
    else if (action === 'delete') {
      const value = keyOf(change, mergeKey);
      kept = kept.filter((item) => item[mergeKey] !== value);
    } else if (action === 'replace') replaced = true;
    else if (action === 'merge') throw unclassified('merging lists cannot yet be specified in the patch');
    else throw unclassified(`unknown patch type: ${goValue(action)} in map: ${goValue(change)}`);
  }
  return replaced ? { kept: additions, additions: [] } : { kept, additions };
}

function keyOf(item: unknown, mergeKey: string): unknown {
  if (!mergeKey) return item;
  if (!isObject(item)) throw unclassified('expected a map[string]interface {}, but received a string');
  if (!Object.hasOwn(item, mergeKey)) {
    throw unclassified(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return item[mergeKey];
}

/** All elements have one type, and it is no list (strategicpatch sliceElementType). */
function elementKind(...lists: unknown[][]): string {
  let kind = '';
  for (const item of lists.flat()) {
    if (Array.isArray(item)) throw unprocessable('lists of lists are not supported');
    const own = isObject(item) ? 'map' : typeof item;
    if (kind && own !== kind) throw unclassified(`list element types are not identical: ${goValue(lists)}`);
    kind = own;
  }
  return kind;
}

/** The patched elements appear in `$setElementOrder`, in the same relative order. */
function checkOrder(changes: unknown[], order: unknown[], mergeKey: string): void {
  if (changes.length === 0 || order.length === 0) return;
  const patched = changes.filter((change) => !hasPatchDirective(change));
  let next = 0;
  for (const item of order) {
    if (next >= patched.length) return;
    if (keyOf(patched[next], mergeKey) === keyOf(item, mergeKey)) next++;
  }
  if (next < patched.length) {
    throw unclassified(
      `The order in patch list:\n${goValue(changes)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`,
    );
  }
}

/**
 * Elements that `order` names come in its order; those only the server has stay where they were relative to the
 * elements before them in `old` (strategicpatch normalizeElementOrder).
 */
function inOrder(merged: unknown[], order: unknown[], old: unknown[], mergeKey: string): unknown[] {
  const rank = ranks(order, mergeKey);
  const named = merged.filter((item) => rank.has(keyOf(item, mergeKey)));
  const serverOnly = merged.filter((item) => !rank.has(keyOf(item, mergeKey)));
  named.sort((a, b) => rank.get(keyOf(a, mergeKey))! - rank.get(keyOf(b, mergeKey))!);
  const was = ranks(old, mergeKey);
  const place = (item: unknown) => was.get(keyOf(item, mergeKey)) ?? -1;
  serverOnly.sort((a, b) => place(a) - place(b));
  const result: unknown[] = [];
  let left = 0;
  let right = 0;
  while (left < named.length && right < serverOnly.length) {
    // A named element that the server did not have goes first: there is nothing to compare it with.
    const server = serverOnly[right];
    if (place(named[left]) >= 0 && place(server) < place(named[left])) {
      result.push(server);
      right++;
    } else result.push(named[left++]);
  }
  return [...result, ...named.slice(left), ...serverOnly.slice(right)];
}

function ranks(list: unknown[], mergeKey: string): Map<unknown, number> {
  const rank = new Map<unknown, number>();
  list.forEach((item, index) => {
    const key = keyOf(item, mergeKey);
    if (!rank.has(key)) rank.set(key, index);
  });
  return rank;
}
