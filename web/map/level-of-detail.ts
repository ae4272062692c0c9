import type { Box } from './box.ts';

/** What is drawn of a box at a scale: nothing, a spot of one colour, its inside. */
export type Detail = 'nothing' | 'spot' | 'inside';

/** Sizes in pixels of the screen. */
const invisible = 0.6;
const tooSmallInside = 9;
const smallestTitle = 8;
const largestTitle = 15;

export function detailOf(box: Box, scale: number): Detail {
  const side = Math.min(box.width, box.height) * scale;
  if (side < invisible) return 'nothing';
  return side < tooSmallInside ? 'spot' : 'inside';
}

/** Size of a title's font; undefined where it could not be read. */
export function titleSize(header: number, scale: number): number | undefined {
  const size = header * scale * 0.68;
  return size < smallestTitle ? undefined : Math.min(largestTitle, size);
}

/** Whether a box whose title is too small to be read gets one that floats over it: the outermost such boxes, if wide enough. */
export function hasFloatingTitle(box: Box, scale: number, parentReadable: boolean): boolean {
  return (
    parentReadable &&
    box.header > 0 &&
    // A title over a container or a process would hide the threads, which say more.
    box.kind !== 'container' &&
    box.kind !== 'process' &&
    titleSize(box.header, scale) === undefined &&
    box.width * scale >= 54 &&
    box.height * scale >= 26
  );
}

/** What of a thread is drawn, by the side of its cell in pixels. */
export function threadDetail(side: number): 'merged' | 'cell' | 'number' | 'facts' {
  if (side < 1.6) return 'merged';
  if (side < 30) return 'cell';
  return side < 78 ? 'number' : 'facts';
}
