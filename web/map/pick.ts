import { threadId, type World } from '../model/world.ts';
import type { Box } from './box.ts';
import { type Camera, type Rectangle, toWorld } from './camera.ts';
import { boxesAt, cell, cellPlace, threadAt } from './layout.ts';

/** What is too small to be seen on its own cannot be meant. */
const smallest = 4;

/** The innermost thing under a point of the screen that is large enough. */
export function hitAt(
  root: Box,
  camera: Camera,
  point: { x: number; y: number },
  withThreads: boolean,
): string | undefined {
  const { x, y } = toWorld(camera, point);
  const boxes = boxesAt(root, x, y).filter(
    (box) => box !== root && Math.min(box.width, box.height) * camera.scale >= smallest,
  );
  const box = boxes.at(-1);
  if (!box) return undefined;
  if (withThreads && box.process && cell.size * camera.scale >= smallest) {
    const index = threadAt(box, x, y);
    const thread = index === undefined ? undefined : box.process.threads[index];
    if (thread) return threadId(thread);
  }
  return box.id;
}

export function indexBoxes(root: Box): Map<string, Box> {
  const boxes = new Map<string, Box>();
  const visit = (box: Box) => {
    boxes.set(box.id, box);
    box.children.forEach(visit);
  };
  visit(root);
  return boxes;
}

/** Where a box or the cell of a thread is in the world. */
export function placeOf(boxes: Map<string, Box>, world: World, id: string): Rectangle | undefined {
  const box = boxes.get(id);
  if (box) return box;
  const process = world.ways.processOfThread.get(id);
  const around = process && boxes.get(process.id);
  const index = process?.threads.findIndex((thread) => threadId(thread) === id) ?? -1;
  return around && index >= 0 ? { ...cellPlace(around, index), width: cell.size, height: cell.size } : undefined;
}

/** From one thing to the next by key: left and right among equals, up outwards, down inwards. */
export function neighbour(
  root: Box,
  boxes: Map<string, Box>,
  world: World,
  from: string | undefined,
  key: string,
): string | undefined {
  const path = from === undefined ? undefined : pathIn(root, boxes, world, from);
  if (!path) return root.children[0]?.id;
  const parent = path.at(-2) as string;
  const siblings = insideOf(boxes, parent);
  const at = siblings.indexOf(from as string);
  if (key === 'ArrowLeft') return siblings[Math.max(0, at - 1)];
  if (key === 'ArrowRight') return siblings[Math.min(siblings.length - 1, at + 1)];
  if (key === 'ArrowUp') return parent === root.id ? undefined : parent;
  return insideOf(boxes, from as string)[0];
}

function insideOf(boxes: Map<string, Box>, id: string): string[] {
  const box = boxes.get(id);
  if (!box) return [];
  return box.process ? box.process.threads.map(threadId) : box.children.map((child) => child.id);
}

function pathIn(root: Box, boxes: Map<string, Box>, world: World, id: string): string[] | undefined {
  const process = world.ways.processOfThread.get(id);
  const wanted = process ? process.id : id;
  if (!boxes.has(wanted)) return undefined;
  const find = (box: Box): string[] | undefined => {
    if (box.id === wanted) return [box.id];
    for (const child of box.children) {
      const rest = find(child);
      if (rest) return [box.id, ...rest];
    }
    return undefined;
  };
  const path = find(root);
  return path && process ? [...path, id] : path;
}
