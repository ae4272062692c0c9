/**
 * A set of field paths in the form of FieldsV1 (structured-merge-diff fieldpath/serialize.go), used as it is stored: no
 * decoding, no encoding. Keys are path elements: 'f:name' a field or map key, 'k:{"name":"x"}' an element of a keyed
 * list, 'v:"x"' an element of a set, 'i:0' an index. An empty value is a member; '.' makes a value with children a
 * member too. Never modified once made: operations share what does not change.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

export const emptySet: FieldSet = Object.freeze({});

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether the path that led to this node is in the set, not only paths below it. */
export function isMember(node: FieldSet | undefined): boolean {
  return node !== undefined && (isEmptySet(node) || '.' in node);
}

/** The node with its own membership and the children given; undefined when it says nothing. */
export function makeNode(member: boolean, children: FieldSet): FieldSet | undefined {
  if (isEmptySet(children)) return member ? emptySet : undefined;
  return member ? { '.': emptySet, ...children } : children;
}

/** A set of paths, each an array of path elements. */
export function setOf(...paths: string[][]): FieldSet {
  let set = emptySet;
  for (const path of paths)
    set = union(
      set,
      path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), {}),
    );
  return set;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  let changed = false;
  const result: Record<string, FieldSet> = { ...a };
  for (const element in b) {
    const mine = a[element];
    const theirs = b[element]!;
    const joined = mine ? joinNodes(mine, theirs) : theirs;
    if (joined === mine) continue;
    result[element] = joined;
    changed = true;
  }
  return changed ? sortElements(result) : a;
}

function joinNodes(mine: FieldSet, theirs: FieldSet): FieldSet {
  const member = isMember(mine) || isMember(theirs);
  const joined = union(mine, theirs);
  return member && !isMember(joined) ? { '.': emptySet, ...joined } : joined;
}

/** Members of `a` that are no members of `b`. A member of `b` takes nothing from below itself. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, false);
}

/** The same, but a member of `b` takes everything below itself too. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, true);
}

function subtract(a: FieldSet, b: FieldSet, recursive: boolean): FieldSet {
  if (isEmptySet(b)) return a;
  let result: Record<string, FieldSet> | undefined;
  for (const element in a) {
    const theirs = b[element];
    if (theirs === undefined || element === '.') continue;
    const mine = a[element]!;
    const left = subtractNode(mine, theirs, recursive);
    if (left === mine) continue;
    result ??= { ...a };
    if (left) result[element] = left;
    else delete result[element];
  }
  return result ?? a;
}

function subtractNode(mine: FieldSet, theirs: FieldSet, recursive: boolean): FieldSet | undefined {
  const taken = isMember(theirs);
  if (taken && recursive) return undefined;
  const below = subtract(mine, theirs, recursive);
  if (taken && isMember(mine)) return makeNode(false, childrenOf(below));
  return below === mine ? mine : makeNode(isMember(mine), childrenOf(below));
}

/** The members that are in both. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element in a) {
    const theirs = b[element];
    if (theirs === undefined || element === '.') continue;
    const mine = a[element]!;
    const node = makeNode(isMember(mine) && isMember(theirs), intersection(mine, theirs));
    if (node) result[element] = node;
  }
  return result;
}

function childrenOf(node: FieldSet): FieldSet {
  if (!('.' in node)) return node;
  const { '.': _, ...children } = node;
  return children;
}

/** Every member as text, such as '.spec.containers[name="a"].image' (fieldpath Path.String). */
export function memberPaths(set: FieldSet, prefix = ''): string[] {
  const members: string[] = [];
  const below: string[] = [];
  for (const element in set) {
    if (element === '.') continue;
    const path = prefix + elementText(element);
    const node = set[element]!;
    if (isMember(node)) members.push(path);
    below.push(...memberPaths(node, path));
  }
  return [...members, ...below];
}

function elementText(element: string): string {
  const content = element.slice(2);
  if (element.startsWith('f:')) return `.${content}`;
  if (element.startsWith('v:')) return `[=${content}]`;
  if (element.startsWith('i:')) return `[${content}]`;
  const keys = Object.entries(JSON.parse(content) as Record<string, unknown>);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

/** The set with its elements in the order in which the server writes them (fieldpath PathElement.Compare). */
export function sortElements(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  if (elements.every((element, i) => i === 0 || compareElements(elements[i - 1]!, element) <= 0)) return set;
  const sorted: Record<string, FieldSet> = {};
  for (const element of elements.sort(compareElements)) sorted[element] = set[element]!;
  return sorted;
}

const kindOrder = '.fkvi';

function compareElements(a: string, b: string): number {
  const kind = a[0]!;
  if (kind !== b[0]) return kindOrder.indexOf(kind) - kindOrder.indexOf(b[0]!);
  if (kind === 'k') {
    const left = Object.values(JSON.parse(a.slice(2)) as Record<string, unknown>);
    const right = Object.values(JSON.parse(b.slice(2)) as Record<string, unknown>);
    for (let i = 0; i < left.length; i++) {
      const order = compareValues(left[i], right[i]);
      if (order !== 0) return order;
    }
    return 0;
  }
  if (kind === 'v') return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
  if (kind === 'i') return Number(a.slice(2)) - Number(b.slice(2));
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const left = String(a);
  const right = String(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
