import type { Box, BoxKind } from './box.ts';

/**
 * Packs from the inside out: a thread is a cell of one size everywhere, a process a grid of cells, and every other box
 * as large as what it holds. Equal Pods are so equal rectangles in rows, and size means number of threads. Lengths are
 * in world units; a cell is 10.
 */
export const cell = { size: 10, pitch: 12 } as const;

interface Measure {
  header: number;
  padding: number;
  gap: number;
  minWidth: number;
  minHeight: number;
}

/** Titles grow towards the outside, so that at each zoom some are of a size to be read. */
const measures: Record<BoxKind, Measure> = {
  root: { header: 0, padding: 8, gap: 22, minWidth: 0, minHeight: 0 },
  namespace: { header: 34, padding: 10, gap: 14, minWidth: 240, minHeight: 60 },
  object: { header: 25, padding: 8, gap: 10, minWidth: 200, minHeight: 36 },
  group: { header: 25, padding: 8, gap: 8, minWidth: 200, minHeight: 36 },
  pod: { header: 20, padding: 6, gap: 6, minWidth: 120, minHeight: 32 },
  container: { header: 14, padding: 5, gap: 5, minWidth: 84, minHeight: 24 },
  process: { header: 10, padding: 3, gap: 2, minWidth: 50, minHeight: 0 },
};

/** Places the root and everything in it; `aspect` is width by height of where it will be seen. */
export function layOut(root: Box, aspect: number): void {
  measure(root, aspect);
  place(root, 0, 0);
}

/** Width and height of a box from those of its children, whose places are set relative to it. */
function measure(box: Box, aspect: number): void {
  const { header, padding, gap, minHeight } = measures[box.kind];
  const minWidth = Math.max(measures[box.kind].minWidth, titleWidth(box, header));
  box.header = header;
  if (box.process) {
    measureProcess(box, minWidth);
    return;
  }
  // An only child takes the shape of what it fills.
  const only = box.children.length === 1;
  for (const child of box.children) measure(child, only ? aspect : boxAspect(child.kind));
  // Boxes of any size fill rows best from the highest to the lowest; Pods and what is in them keep their order.
  if (box.kind === 'root' || box.kind === 'namespace') box.children.sort((a, b) => b.height - a.height);
  const inside = pack(box.children, gap, aspect);
  for (const child of box.children) {
    child.x += padding;
    child.y += header + padding;
  }
  box.width = Math.max(minWidth, inside.width + 2 * padding);
  box.height = Math.max(minHeight, header + (box.children.length > 0 ? inside.height + 2 * padding : 0));
}

/** About the width of its title: most titles then have room. Long ones are cut. */
function titleWidth({ kind, word, name, note }: Box, header: number): number {
  if (kind === 'object' || kind === 'group')
    return Math.min(520, (word.length + name.length + note.length + 5) * header * 0.4);
  return Math.min(150, (name.length + 2) * header * 0.36);
}

/** Pods are a little wider than high, as words are. */
const boxAspect = (kind: BoxKind): number => (kind === 'pod' || kind === 'container' ? 1.35 : 1.6);

function measureProcess(box: Box, minWidth: number): void {
  const { header, padding } = measures.process;
  const threads = Math.max(1, box.process?.threads.length ?? 1);
  box.columns = Math.max(Math.floor((minWidth - 2 * padding) / cell.pitch), Math.ceil(Math.sqrt(threads * 1.8)));
  const rows = Math.ceil(threads / box.columns);
  const gap = cell.pitch - cell.size;
  box.width = Math.max(minWidth, box.columns * cell.pitch - gap + 2 * padding);
  box.height = header + rows * cell.pitch - gap + 2 * padding;
}

/** Tries row widths and keeps the one with which the whole is seen largest; children stay in their order. */
export function pack(children: Box[], gap: number, aspect: number): { width: number; height: number } {
  if (children.length === 0) return { width: 0, height: 0 };
  const widest = Math.max(...children.map(({ width }) => width));
  const area = children.reduce((sum, { width, height }) => sum + (width + gap) * (height + gap), 0);
  const ideal = Math.sqrt(area * aspect);
  let best = { width: 0, height: 0 };
  let bestSide = Number.POSITIVE_INFINITY;
  let bestLimit = widest;
  for (const factor of [0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.35, 1.5, 1.8]) {
    const limit = Math.max(widest, ideal * factor);
    const size = fillRows(children, gap, limit);
    const side = Math.max(size.width, size.height * aspect);
    if (side >= bestSide) continue;
    best = size;
    bestSide = side;
    bestLimit = limit;
  }
  fillRows(children, gap, bestLimit);
  return best;
}

/** Rows from left to right, as high as their highest; what is low enough goes under its neighbour in the same row. */
function fillRows(children: Box[], gap: number, limit: number): { width: number; height: number } {
  let row = { y: 0, height: 0 };
  /** The stack that the next box may go under. */
  let column = { x: 0, width: 0, bottom: 0 };
  let width = 0;
  for (const child of children) {
    const fitsUnder =
      column.bottom > row.y && column.bottom + child.height <= row.y + row.height && child.width <= limit - column.x;
    if (!fitsUnder) {
      const x = column.width === 0 ? 0 : column.x + column.width + gap;
      const next = x > 0 && x + child.width > limit;
      if (next) row = { y: row.y + row.height + gap, height: 0 };
      column = { x: next ? 0 : x, width: 0, bottom: row.y };
    }
    child.x = column.x;
    child.y = column.bottom;
    column = {
      x: column.x,
      width: Math.max(column.width, child.width),
      bottom: column.bottom + child.height + gap,
    };
    row = { y: row.y, height: Math.max(row.height, child.y + child.height - row.y) };
    width = Math.max(width, column.x + column.width);
  }
  return { width, height: row.y + row.height };
}

function place(box: Box, x: number, y: number): void {
  box.x += x;
  box.y += y;
  for (const child of box.children) place(child, box.x, box.y);
}

/** Where the cell of a thread is. */
export function cellPlace(box: Box, index: number): { x: number; y: number } {
  const { padding, header } = measures.process;
  return {
    x: box.x + padding + (index % box.columns) * cell.pitch,
    y: box.y + header + padding + Math.floor(index / box.columns) * cell.pitch,
  };
}

/** The index of the thread whose cell, with the gap after it, holds a point of the world. */
export function threadAt(box: Box, x: number, y: number): number | undefined {
  const { padding, header } = measures.process;
  const column = Math.floor((x - box.x - padding) / cell.pitch);
  const row = Math.floor((y - box.y - header - padding) / cell.pitch);
  if (column < 0 || column >= box.columns || row < 0) return undefined;
  const index = row * box.columns + column;
  return index < (box.process?.threads.length ?? 0) ? index : undefined;
}

/** The boxes that hold a point, the outermost first. Nested rectangles are an index of their own: one descent. */
export function boxesAt(root: Box, x: number, y: number): Box[] {
  const boxes: Box[] = [];
  for (let at: Box | undefined = root; at; at = at.children.find((child) => holds(child, x, y))) boxes.push(at);
  return boxes;
}

const holds = (box: Box, x: number, y: number): boolean =>
  x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
