import { ParseError } from '@marcbachmann/cel-js';

/** An expression in what the compiler understands, and where its positions are in what was written. */
export interface Rewritten {
  text: string;
  original(position: number): number;
}

interface Edit {
  at: number;
  insert: string;
  /** So many characters of what was written go. */
  remove?: number;
  /** Among edits at the same place: what is around others begins before them, and ends after them. @default 0 */
  order?: number;
}

/** One entry of a list or a map. */
interface Entry {
  start: number;
  end: number;
  isOptional: boolean;
  /** Between key and value. */
  colon: number;
}

interface Bracket {
  /** What the bracket makes; anything else is an index, a call or just parentheses. */
  makes: 'message' | 'map' | 'list' | 'other';
  start: number;
  /** The last one is being read. */
  entries: Entry[];
  /** Nothing of the last entry has been read yet. */
  isEntryStart: boolean;
  /** Conditions (?) whose other branch is still to come. */
  conditions: number;
}

const token =
  /(?<space>\s+|\/\/[^\n]*)|(?<string>[bBrR]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?<number>\.?\d[\w.]*)|(?<name>[A-Za-z_]\w*)|(?<other>[\s\S])/y;

/**
 * Writes what the compiler does not know as calls of functions that it does (library/literals.ts, objects.ts):
 *  - optional entries: `[a, ?b]` is `([a] + optionalItem__(b))`, `{k: v, ?l: w}` is `mergeMaps__([{k: v},
 *    optionalEntry__(l, w)])`;
 *  - has(x), which the compiler has only for chains of names, is has__(x);
 *  - with `messages`, those of mutating policies: `Object.spec{replicas: 1}` is `objectField__("spec", {"replicas": 1})`,
 *    `JSONPatch{op: "add"}` is `jsonPatch__({"op": "add"})`.
 */
export function rewriteLiterals(source: string, { messages = false } = {}): Rewritten {
  const edits: Edit[] = [];
  const brackets: Bracket[] = [];
  /** The names and dots right before here, and where they begin. */
  let chain = { start: 0, names: [] as string[], open: false };
  /** Whether what was read last is a value, after which a bracket is an index or a call. */
  let isValue = false;
  const endChain = () => {
    chain = { start: 0, names: [], open: false };
  };
  token.lastIndex = 0;
  for (let match = token.exec(source); match; match = token.exec(source)) {
    const { space, name, number, string, other } = match.groups as Record<string, string | undefined>;
    if (space !== undefined) continue;
    const at = match.index;
    const top = brackets.at(-1);
    if (top?.isEntryStart && other !== '?') top.isEntryStart = false;
    else if (top?.isEntryStart) {
      top.entries.at(-1)!.isOptional = true;
      continue;
    }
    if (number !== undefined && chain.open) endChain();
    if (name !== undefined) {
      readName(name, at, top);
      continue;
    }
    if (number?.startsWith('.') && !isValue) edits.push({ at, insert: '0' });
    if (other === '.' && chain.names.length > 0 && !chain.open) {
      chain.open = true;
      isValue = false;
      continue;
    }
    if (other !== undefined && '{[('.includes(other)) open(other, at);
    else if (other !== undefined && '}])'.includes(other)) close(at);
    else if (other === ',' && top) nextEntry(top, at);
    else if (other === '?' && !'.['.includes(source[at - 1] ?? ' ') && top) top.conditions++;
    else if (other === ':' && top) {
      if (top.conditions > 0) top.conditions--;
      else top.entries.at(-1)!.colon = at;
    }
    isValue = number !== undefined || string !== undefined || (other !== undefined && '}])'.includes(other));
    endChain();
  }
  return applied(source, edits);

  function readName(name: string, at: number, top: Bracket | undefined): void {
    const isField = top?.makes === 'message' && top.entries.at(-1)!.colon < 0 && top.conditions === 0;
    isValue = name !== 'in';
    if (isField) {
      edits.push({ at: source[at - 1] === '?' ? at - 1 : at, insert: '"' }, { at: at + name.length, insert: '"' });
      endChain();
    } else if (chain.open) {
      chain.names.push(name);
      chain.open = false;
    } else if (name === 'in') endChain();
    else {
      if (name === 'has' && /^\s*\(/.test(source.slice(at + 3))) edits.push({ at: at + 3, insert: '__' });
      chain = { start: at, names: [name], open: false };
    }
  }

  function open(bracket: string, at: number): void {
    const entry = { start: at + 1, end: at + 1, isOptional: false, colon: -1 };
    const named = chain.names.length > 0 && !chain.open;
    const isMessage = bracket === '{' && named && messages;
    const makes = isMessage
      ? 'message'
      : bracket === '{' && !named
        ? 'map'
        : bracket === '[' && !isValue
          ? 'list'
          : 'other';
    if (isMessage) openMessage(chain, at);
    brackets.push({ makes, start: at, entries: [entry], isEntryStart: makes !== 'other', conditions: 0 });
  }

  function nextEntry(bracket: Bracket, at: number): void {
    bracket.entries.at(-1)!.end = at;
    bracket.entries.push({ start: at + 1, end: at + 1, isOptional: false, colon: -1 });
    bracket.isEntryStart = bracket.makes !== 'other';
    bracket.conditions = 0;
  }

  function close(at: number): void {
    const bracket = brackets.pop();
    if (!bracket) return;
    bracket.entries.at(-1)!.end = at;
    if (bracket.makes === 'message') edits.push({ at: at + 1, insert: ')' });
    else if (bracket.makes !== 'other' && bracket.entries.some(({ isOptional }) => isOptional))
      edits.push(...optionalEntries(bracket, at));
  }

  /** Of what goes around entries of the bracket that was just closed. */
  function orders(): [opens: number, closes: number] {
    return [brackets.length - 1000, 1000 - brackets.length];
  }

  /** Each entry becomes a list or a map of its own, or one that may be empty. */
  function optionalEntries({ makes, start, entries }: Bracket, end: number): Edit[] {
    const isList = makes === 'list';
    const [opens, closes] = orders();
    const written = entries.filter((entry) => source.slice(entry.start, entry.end).trim() !== '');
    const result: Edit[] = [{ at: start, remove: 1, insert: isList ? '(' : 'mergeMaps__([' }];
    for (const [i, entry] of written.entries()) {
      if (entry.isOptional) {
        const mark = source.indexOf('?', entry.start);
        result.push({ at: mark, remove: 1, insert: isList ? 'optionalItem__(' : 'optionalEntry__(' });
        if (!isList) result.push({ at: entry.colon, remove: 1, insert: ',' });
      } else result.push({ at: entry.start, insert: isList ? '[' : '{', order: opens });
      result.push({ at: entry.end, insert: entry.isOptional ? ')' : isList ? ']' : '}', order: closes });
      const between = i + 1 === written.length ? '' : isList ? ' + ' : ',';
      if (entry.end < end) result.push({ at: entry.end, remove: 1, insert: between, order: closes + 1 });
    }
    return [...result, { at: end, remove: 1, insert: isList ? ')' : '])', order: closes + 1 }];
  }

  function openMessage({ start, names }: typeof chain, brace: number): void {
    const [first, ...path] = names;
    const call =
      first === 'JSONPatch' && path.length === 0
        ? 'jsonPatch__('
        : first === 'Object'
          ? path.length === 0
            ? 'object__('
            : `objectField__("${path.join('.')}", `
          : undefined;
    if (!call)
      throw new ParseError({
        message: `undeclared reference to '${names.join('.')}' (in container '')`,
        node: { pos: start, start, end: brace, input: source },
      });
    edits.push({ at: start, insert: call, remove: brace - start });
  }
}

function applied(source: string, edits: Edit[]): Rewritten {
  if (edits.length === 0) return { text: source, original: (position) => position };
  // Stable: what was found first at a place comes first.
  edits.sort((a, b) => a.at - b.at || (a.order ?? 0) - (b.order ?? 0));
  let text = '';
  let read = 0;
  /** From this position of the new text on, what was written begins there. */
  const places: { to: number; from: number }[] = [{ to: 0, from: 0 }];
  for (const { at, insert, remove = 0 } of edits) {
    text += source.slice(read, at) + insert;
    read = Math.max(read, at + remove);
    places.push({ to: text.length, from: read });
  }
  text += source.slice(read);
  return {
    text,
    original(position) {
      const place = places.findLast(({ to }) => to <= position)!;
      return Math.min(place.from + position - place.to, source.length);
    },
  };
}
