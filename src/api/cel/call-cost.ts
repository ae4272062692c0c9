/**
 * What calls cost, by the sizes of their receiver and arguments: a unit is about what it takes to look at one value
 * (cel-go interpreter/runtimecost.go; apiserver pkg/cel/library/cost.go). Sizes are lengths of strings, bytes, lists
 * and maps; anything else has size 1.
 */

/** Part of a unit that it takes to look at one character. */
const perCharacter = 0.1;
/** A regular expression is thought to have a state for every four characters. */
const perPatternCharacter = 0.25;

export const listCost = 10;
export const mapCost = 30;
export const messageCost = 40;
const authorizationCost = 350_000;
const maxFormatPatternSize = 1000;

type Cost = (...sizes: number[]) => number;

const traversal: Cost = (text = 1) => Math.ceil(text * perCharacter);
const twoTraversals: Cost = (a = 1, b = 1) => Math.ceil((a + b) * perCharacter);
const whole: Cost = (list = 1) => list;
const search: Cost = (text = 1, pattern = 1) =>
  Math.ceil((1 + text) * perCharacter) * Math.ceil(pattern * perPatternCharacter);
const product: Cost = (a = 1, b = 1) => a * b;

const named: Record<string, Cost> = {
  check: () => authorizationCost,
  startsWith: traversal,
  endsWith: traversal,
  bytes: traversal,
  format: traversal,
  'strings.quote': traversal,
  contains: (text = 1, part = 1) => Math.ceil(text * perCharacter) * Math.ceil(part * perCharacter),
  matches: search,
  find: search,
  findAll: search,
  isSorted: whole,
  sum: whole,
  max: whole,
  min: whole,
  indexOf: whole,
  lastIndexOf: whole,
  url: traversal,
  isURL: traversal,
  lowerAscii: traversal,
  upperAscii: traversal,
  substring: traversal,
  trim: traversal,
  replace: traversal,
  split: traversal,
  escapeKey: traversal,
  reverse: traversal,
  ip: traversal,
  cidr: traversal,
  isIP: traversal,
  isCIDR: traversal,
  isCanonical: (text = 1) => 2 * traversal(text),
  containsIP: (_range, text = 1) => traversal(text) + 2,
  containsCIDR: (_range, text = 1) => traversal(text) + 2,
  quantity: traversal,
  isQuantity: traversal,
  semver: traversal,
  isSemver: traversal,
  validate: (_format, text = 1) => search(text, maxFormatPatternSize),
  'sets.contains': product,
  'sets.intersects': product,
  'sets.equivalent': product,
};

const one: Cost = () => 1;

/** `sizes` are those of the receiver, if there is one, and of the arguments. */
export function callCost(name: string, sizes: readonly number[], resultSize = 1): number {
  if (name === 'join') return Math.max(1, Math.ceil(resultSize * perCharacter));
  return Math.max(1, (Object.hasOwn(named, name) ? named[name]! : one)(...sizes));
}

/** What kinds of values an operator is applied to matters only where they have a length. */
export function operatorCost(operator: string, left: number, right: number, isText: boolean): number {
  switch (operator) {
    case '==':
    case '!=':
      return Math.max(1, traversal(Math.min(left, right)));
    case 'in':
      return Math.max(1, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isText ? Math.max(1, traversal(Math.min(left, right))) : 1;
    case '+':
      return isText ? Math.max(1, twoTraversals(left, right)) : 1;
    default:
      return 1;
  }
}

/** What one round of a macro costs beyond its body, and the macro beyond its rounds (cel-go parser/macro.go). */
export interface MacroCost {
  before: number;
  round: number;
  /** Of a round that adds to the result. */
  taken: number;
  /** Of one that does not. */
  passed: number;
}

export const macroCosts: Record<string, MacroCost> = {
  all: { before: 1, round: 3, taken: 0, passed: 0 },
  exists: { before: 1, round: 4, taken: 0, passed: 0 },
  exists_one: { before: 2, round: 0, taken: 2, passed: 1 },
  existsOne: { before: 2, round: 0, taken: 2, passed: 1 },
  map: { before: listCost + 1, round: 0, taken: listCost + 2, passed: 1 },
  filter: { before: listCost + 1, round: 0, taken: listCost + 2, passed: 1 },
  transformList: { before: listCost + 1, round: 0, taken: listCost + 2, passed: 1 },
  transformMap: { before: mapCost + 1, round: 0, taken: 2, passed: 1 },
  transformMapEntry: { before: mapCost + 1, round: 0, taken: 2, passed: 1 },
};
