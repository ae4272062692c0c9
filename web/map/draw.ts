import { threadId, type World } from '../model/world.ts';
import type { Box } from './box.ts';
import { type Camera, isSeen, type Size } from './camera.ts';
import { colourOfProcess, colourOfThread } from './colours.ts';
import { cell, cellPlace } from './layout.ts';
import { detailOf, hasFloatingTitle, threadDetail, titleSize } from './level-of-detail.ts';
import { type ColourMode, mix, type Palette } from './palette.ts';
import { drawText, fontOf } from './text.ts';

export interface Scene {
  world: World;
  root: Box;
  camera: Camera;
  screen: Size;
  palette: Palette;
  mode: ColourMode;
  /** Ids on the line of what is hovered, selected or found; undefined: nothing is dimmed. */
  lit: Set<string> | undefined;
  /** Processes of which only the lit threads are on it. */
  partial: Set<string>;
  hovered: string | undefined;
  selected: string | undefined;
}

/** Work of one frame that is done after the boxes: cells by colour, so that each colour is set once, and titles. */
interface Later {
  cells: Map<string, number[]>;
  titles: (() => void)[];
}

/** Draws what is seen. Whatever is outside the screen or too small takes its whole inside with it. */
export function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { screen, palette, root } = scene;
  context.fillStyle = palette.background;
  context.fillRect(0, 0, screen.width, screen.height);
  const lit = scene.lit && litBoxes(root, scene.lit);
  const later: Later = { cells: new Map(), titles: [] };
  for (const child of root.children) drawBox(context, scene, child, 0, true, lit, later);
  drawCells(context, later.cells);
  for (const title of later.titles) title();
}

/** Lit boxes with all that they are in: a namespace has no place on a line, but holds it. */
function litBoxes(root: Box, ids: Set<string>): Set<Box> {
  const lit = new Set<Box>();
  const visit = (box: Box): boolean => {
    let found = ids.has(box.id);
    for (const child of box.children) if (visit(child)) found = true;
    if (found) lit.add(box);
    return found;
  };
  visit(root);
  return lit;
}

function drawBox(
  context: CanvasRenderingContext2D,
  scene: Scene,
  box: Box,
  depth: number,
  parentReadable: boolean,
  lit: Set<Box> | undefined,
  later: Later,
): void {
  const { camera, screen, palette } = scene;
  if (!isSeen(camera, screen, box)) return;
  const { scale } = camera;
  const detail = detailOf(box, scale);
  if (detail === 'nothing') return;
  const dim = lit !== undefined && !lit.has(box);
  const x = (box.x - camera.x) * scale;
  const y = (box.y - camera.y) * scale;
  const width = box.width * scale;
  const height = box.height * scale;
  const fill = dimmed(fillOf(scene, box, depth, detail), palette, dim);
  if (detail === 'spot') {
    context.fillStyle = fill;
    context.fillRect(x, y, Math.max(0.8, width - 0.5), Math.max(0.8, height - 0.5));
    return;
  }
  const radius = Math.min(box.kind === 'process' ? 4 : 8, width / 10, height / 10);
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
  context.fillStyle = fill;
  context.fill();
  drawOutline(context, scene, box, dim, lit !== undefined);
  if (box.process) drawThreads(context, scene, box, dim, later);
  const readable = drawTitle(context, scene, box, { x, y, width, height }, dim, parentReadable, later);
  for (const child of box.children) drawBox(context, scene, child, depth + 1, readable, lit, later);
}

function fillOf(scene: Scene, box: Box, depth: number, detail: string): string {
  const { palette } = scene;
  const ground = palette.depths[Math.min(depth, palette.depths.length - 1)] as string;
  if (box.process) {
    const colour = colourOfProcess(scene, box.process);
    return detail === 'spot' || cell.size * scene.camera.scale < 1.6 ? colour : mix(ground, colour, 0.22);
  }
  if (detail === 'spot') return mix(ground, box.health ? palette.health[box.health] : palette.border, 0.5);
  if (box.health === 'bad') return mix(ground, palette.health.bad, 0.16);
  return ground;
}

function dimmed(colour: string, palette: Palette, dim: boolean): string {
  return dim ? mix(colour, palette.background, 0.55) : colour;
}

function drawOutline(context: CanvasRenderingContext2D, scene: Scene, box: Box, dim: boolean, anyLit: boolean): void {
  const { palette } = scene;
  const isSelected = box.id === scene.selected;
  const isHovered = box.id === scene.hovered;
  const onLine = anyLit && !dim;
  context.lineWidth = isSelected || isHovered ? 2.5 : onLine ? 1.25 : 1;
  const plain = box.health === 'bad' || box.health === 'progress' ? palette.health[box.health] : palette.border;
  const colour = isSelected || isHovered ? palette.accent : onLine ? mix(palette.border, palette.accent, 0.45) : plain;
  context.strokeStyle = dimmed(colour, palette, dim);
  context.stroke();
}

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Draws the title or has it drawn later over the inside; returns whether it can be read. */
function drawTitle(
  context: CanvasRenderingContext2D,
  scene: Scene,
  box: Box,
  place: Place,
  dim: boolean,
  parentReadable: boolean,
  later: Later,
): boolean {
  const { palette, camera, screen } = scene;
  const size = titleSize(box.header, camera.scale);
  const colours = {
    text: dim ? mix(palette.text, palette.background, 0.7) : palette.text,
    faint: dim ? mix(palette.faintText, palette.background, 0.7) : palette.faintText,
    mark: box.health && dimmed(palette.health[box.health], palette, dim),
  };
  if (size === undefined) {
    if (!hasFloatingTitle(box, camera.scale, parentReadable)) return parentReadable && box.header === 0;
    later.titles.push(() => drawFloatingTitle(context, box, place, palette, colours));
    return false;
  }
  if (place.width < 26) return false;
  // The title stays in sight while its box is: it slides along the left edge of the screen.
  const left = Math.max(place.x, Math.min(0, place.x + place.width - 80));
  const middle = place.y + (box.header * camera.scale) / 2;
  if (middle < -20 || middle > screen.height + 20) return true;
  drawText(context, {
    box,
    x: left + size * 0.55,
    y: middle,
    size,
    room: place.x + place.width - left - size,
    colours,
  });
  return true;
}

function drawFloatingTitle(
  context: CanvasRenderingContext2D,
  box: Box,
  { x, y, width }: Place,
  palette: Palette,
  colours: { text: string; faint: string; mark: string | undefined },
): void {
  const size = 10.5;
  context.font = fontOf(size, true);
  const wanted = context.measureText(box.name).width + (colours.mark ? 24 : 14);
  const plate = Math.min(width - 4, wanted);
  // Over the titles inside, which are as unreadable, and not over what is under them.
  const left = x + 2;
  context.beginPath();
  context.roundRect(left, y + 2, plate, 19, 6);
  context.fillStyle = palette.plate;
  context.fill();
  drawText(context, {
    box: { ...box, word: '', note: '' },
    x: left + 6,
    y: y + 12,
    size,
    room: plate - 12,
    colours,
  });
}

function drawThreads(context: CanvasRenderingContext2D, scene: Scene, box: Box, dim: boolean, later: Later): void {
  const { camera, screen, palette, lit } = scene;
  const process = box.process;
  if (!process) return;
  const side = cell.size * camera.scale;
  const detail = threadDetail(side);
  if (detail === 'merged') return;
  const partial = lit !== undefined && !dim && scene.partial.has(process.id);
  for (let i = 0; i < process.threads.length; i++) {
    const thread = process.threads[i];
    if (!thread) continue;
    const at = cellPlace(box, i);
    const x = (at.x - camera.x) * camera.scale;
    const y = (at.y - camera.y) * camera.scale;
    if (x > screen.width || y > screen.height || x + side < 0 || y + side < 0) continue;
    const off = dim || (partial && !lit.has(threadId(thread)));
    const colour = dimmed(colourOfThread(scene, process, thread), palette, off);
    let places = later.cells.get(colour);
    if (!places) {
      places = [];
      later.cells.set(colour, places);
    }
    places.push(x, y, side);
    if (detail !== 'cell')
      later.titles.push(() => drawThreadText(context, scene, thread, x, y, side, detail === 'facts'));
    const id = threadId(thread);
    if (id === scene.hovered || id === scene.selected)
      later.titles.push(() => outlineCell(context, palette, x, y, side));
  }
}

function outlineCell(context: CanvasRenderingContext2D, palette: Palette, x: number, y: number, side: number): void {
  context.strokeStyle = palette.accent;
  context.lineWidth = 2.5;
  context.strokeRect(x - 1, y - 1, side + 2, side + 2);
}

function drawThreadText(
  context: CanvasRenderingContext2D,
  { world, palette }: Scene,
  thread: readonly [number, number, string, number, string],
  x: number,
  y: number,
  side: number,
  facts: boolean,
): void {
  const [tid, , state, ticks, name] = thread;
  const size = Math.min(15, side * 0.2);
  const lines = [String(tid)];
  if (facts) {
    const share = (world.cpu.get(threadId(thread)) ?? 0) * 100;
    lines.push(name, `${state} · ${share.toFixed(share < 10 ? 1 : 0)} %`, `${(ticks / 100).toFixed(1)} s`);
  }
  context.fillStyle = palette.background === '#0c1117' ? '#ffffff' : '#0b1620';
  context.textBaseline = 'middle';
  for (const [i, line] of lines.entries()) {
    context.font = fontOf(size, i === 0);
    context.fillText(line, x + side * 0.1, y + side / 2 + (i - (lines.length - 1) / 2) * size * 1.35, side * 0.85);
  }
}

function drawCells(context: CanvasRenderingContext2D, cells: Map<string, number[]>): void {
  for (const [colour, places] of cells) {
    context.fillStyle = colour;
    for (let i = 0; i < places.length; i += 3) {
      const side = places[i + 2] as number;
      if (side < 14) context.fillRect(places[i] as number, places[i + 1] as number, side, side);
      else {
        context.beginPath();
        context.roundRect(places[i] as number, places[i + 1] as number, side, side, Math.min(8, side * 0.14));
        context.fill();
      }
    }
  }
}
