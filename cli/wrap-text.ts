/** Lines of at most `width` columns, broken at blanks; further lines are indented. A long word stays whole. */
export function wrapText(text: string, width: number, indent = 2): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const at = rest.lastIndexOf(' ', width);
    const cut = at > indent ? at : rest.indexOf(' ', width);
    if (cut < 0) break;
    lines.push(rest.slice(0, cut));
    rest = `${' '.repeat(indent)}${rest.slice(cut + 1)}`;
  }
  return [...lines, rest];
}
