import { ParseError } from '@marcbachmann/cel-js';

/** An expression without message literals, and where its positions are in what was written. */
export interface Rewritten {
  text: string;
  original(position: number): number;
}

interface Edit {
  at: number;
  insert: string;
}

interface Bracket {
  /** The braces of a message, not of a map or anything else. */
  isMessage: boolean;
  /** What comes next there is the name of a field. */
  expectsField: boolean;
}

const token =
  /(?<space>\s+|\/\/[^\n]*)|(?<string>[bBrR]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?<name>[A-Za-z_]\w*)|(?<other>[\s\S])/y;

/**
 * The compiler has no message literals, which mutating policies are written with: `Object.spec{replicas: 1}` becomes
 * `objectField__("spec", {"replicas": 1})`, `JSONPatch{op: "add"}` becomes `jsonPatch__({"op": "add"})`.
 */
export function rewriteMessageLiterals(source: string): Rewritten {
  const edits: Edit[] = [];
  const brackets: Bracket[] = [];
  /** The names and dots right before here, and where they begin. */
  let chain = { start: 0, names: [] as string[], open: false };
  const endChain = () => {
    chain = { start: 0, names: [], open: false };
  };
  token.lastIndex = 0;
  for (let match = token.exec(source); match; match = token.exec(source)) {
    const { space, name, other } = match.groups as Record<string, string | undefined>;
    if (space !== undefined) continue;
    const at = match.index;
    const top = brackets.at(-1);
    if (name !== undefined) {
      if (top?.expectsField) {
        edits.push({ at: source[at - 1] === '?' ? at - 1 : at, insert: '"' }, { at: at + name.length, insert: '"' });
        top.expectsField = false;
        endChain();
      } else if (chain.open) {
        chain.names.push(name);
        chain.open = false;
      } else chain = { start: at, names: [name], open: false };
      continue;
    }
    if (other === '.' && chain.names.length > 0 && !chain.open) {
      chain.open = true;
      continue;
    }
    if (other === '{' && chain.names.length > 0 && !chain.open) {
      openMessage(chain, at);
      brackets.push({ isMessage: true, expectsField: true });
    } else if (other !== undefined && '{[('.includes(other)) brackets.push({ isMessage: false, expectsField: false });
    else if (other !== undefined && '}])'.includes(other)) {
      if (brackets.pop()?.isMessage) edits.push({ at: at + 1, insert: ')' });
    } else if (other === ',' && top?.isMessage) top.expectsField = true;
    endChain();
  }
  return applied(source, edits);

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
    edits.push({ at: start, insert: call }, ...removal(start, brace));
  }
}

/** Takes out what stands between the two positions. */
function removal(from: number, to: number): (Edit & { remove: number })[] {
  return [{ at: from, insert: '', remove: to - from }];
}

function applied(source: string, edits: (Edit & { remove?: number })[]): Rewritten {
  if (edits.length === 0) return { text: source, original: (position) => position };
  // Stable: what was found first at a place comes first.
  edits.sort((a, b) => a.at - b.at);
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
