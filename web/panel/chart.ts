/** Shown at least, so that a page just opened does not draw ten seconds as wide as five minutes. */
const leastSpanMs = 60_000;

/** SVG paths of a line and of the area under it; the newest value is at the right. */
export function chartPath(
  times: number[],
  values: number[],
  top: number,
  { width, height }: { width: number; height: number },
): { line: string; area: string } {
  const end = times.at(-1) ?? 0;
  const span = Math.max(leastSpanMs, end - (times[0] ?? end));
  const points = times.map((time, i) => {
    const x = width - ((end - time) / span) * width;
    const y = height - ((values[i] ?? 0) / top) * height;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const line = `M${points.join('L')}`;
  const first = points[0]?.split(',')[0] ?? '0';
  return { line, area: `${line}L${width},${height}L${first},${height}Z` };
}
