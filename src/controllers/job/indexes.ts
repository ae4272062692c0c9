/** Sets of completion indexes as text: '1,3-5,7' (kubernetes pkg/controller/job/indexed_job_utils.go). Pure. */

export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? '').split(',').filter(Boolean)) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let i = first; i <= Math.min(last, completions - 1); i++) indexes.add(i);
  }
  return indexes;
}

/** Two neighbours are written '1,2', more '1-3'. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] as number;
    let last = first;
    while (sorted[++i] === last + 1) last++;
    parts.push(last === first ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`);
  }
  return parts.join(',');
}
