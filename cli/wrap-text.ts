import { stripVTControlCharacters } from 'node:util';

/**
 * Lines of at most `width` columns, broken at blanks; further lines are indented. A long word stays whole, and colours take no
 * room.
 */
export function wrapText(text: string, width: number, indent = 2): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [i, word] of text.split(' ').entries()) {
    const longer = i === 0 ? word : `${line} ${word}`;
    const isFull = word !== '' && line.trim() !== '' && stripVTControlCharacters(longer).length > width;
    if (isFull) lines.push(line.trimEnd());
    line = isFull ? ' '.repeat(indent) + word : longer;
  }
  return [...lines, line];
}
