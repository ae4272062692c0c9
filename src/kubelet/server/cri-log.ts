/** One line of a log in the CRI format: `<time> <stdout|stderr> <F|P> <text>`. */
export interface CriLine {
  time: string;
  stream: 'stdout' | 'stderr';
  /** The text goes on in the next line. */
  partial: boolean;
  text: string;
}

/** Parses a line without its newline; undefined for what is none. */
export function parseCriLine(line: string): CriLine | undefined {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const third = line.indexOf(' ', second + 1);
  if (first < 0 || second < 0) return undefined;
  const stream = line.slice(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  const tag = third < 0 ? line.slice(second + 1) : line.slice(second + 1, third);
  return {
    time: line.slice(0, first),
    stream,
    partial: tag.startsWith('P'),
    text: third < 0 ? '' : line.slice(third + 1),
  };
}
