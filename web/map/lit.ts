import { type Lineage, lineageOf, lineageOfAll } from '../model/lineage.ts';
import type { World } from '../model/world.ts';
import type { Box } from './box.ts';

export type Lit = Lineage;

/** The line to be lit: of what is pointed at or chosen, else of all that a search has found. */
export function litFor(
  world: World,
  id: string | undefined,
  found: string[],
  boxes: Map<string, Box>,
): Lit | undefined {
  if (id === undefined) return found.length > 0 ? lineageOfAll(world, found) : undefined;
  const box = boxes.get(id);
  // A namespace or a group is no thing of its own: its line is that of what is in it.
  if (!isThing(world, id)) return box ? lineageOfAll(world, thingsIn(world, box)) : undefined;
  return lineageOf(world, id);
}

function isThing(world: World, id: string): boolean {
  return (
    world.objects.has(id) || world.containers.has(id) || world.processes.has(id) || world.ways.processOfThread.has(id)
  );
}

function thingsIn(world: World, box: Box): string[] {
  return box.children.flatMap((child) => (isThing(world, child.id) ? [child.id] : thingsIn(world, child)));
}
