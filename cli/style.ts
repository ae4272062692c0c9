/** Colours by meaning; the plain style changes nothing. */
export interface Style {
  kind(text: string): string;
  name(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
}

export function createStyle(colour: boolean): Style {
  const paint = (code: number) => (text: string) => (colour && text ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { kind: paint(36), name: paint(1), good: paint(32), bad: paint(31), warn: paint(33), dim: paint(2) };
}
