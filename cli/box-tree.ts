/** A line with lines below it. */
export interface TextNode {
  text: string;
  children: TextNode[];
}

/** Draws trees with box glyphs, each line cut to `width` visible columns. */
export function drawTrees(roots: TextNode[], width?: number): string[] {
  const lines: string[] = [];
  // A stack of its own: a chain of processes may be thousands deep.
  const stack = roots.map((node) => ({ node, first: '', rest: '' })).reverse();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, first, rest } = top;
    lines.push(cut(first + node.text, width));
    for (let i = node.children.length - 1; i >= 0; i--) {
      const last = i === node.children.length - 1;
      stack.push({
        node: node.children[i]!,
        first: `${rest}${last ? '└─ ' : '├─ '}`,
        rest: `${rest}${last ? '   ' : '│  '}`,
      });
    }
  }
  return lines;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
const pieces = /\u001b\[[0-9;]*m|./gsu;

/** Colours take no room and stay complete, so that none runs on into the next line. */
function cut(line: string, width = Number.POSITIVE_INFINITY): string {
  if (line.length <= width) return line;
  let room = width;
  let result = '';
  for (const [piece] of line.matchAll(pieces)) {
    if (piece.length > 1 && piece.startsWith('\u001b')) result += piece;
    else if (room-- > 0) result += piece;
  }
  return result;
}
