import { titleOf } from '../map/workload-boxes.ts';
import { duration, percent } from '../text/format.ts';
import { kindWord, t } from '../text/text.ts';
import { threadId, type World } from './world.ts';

/** Kind and name of anything, for lists and for screen readers. */
export function nameOf(world: World, id: string): { kind: string; name: string; note: string } {
  const object = world.objects.get(id);
  if (object) return { kind: kindWord(object.kind), name: object.name, note: object.status };
  const container = world.containers.get(id);
  if (container) return { kind: t('container'), name: container.name, note: container.status };
  const process = world.processes.get(id);
  if (process) return { kind: t('Process'), name: titleOf(process.name, process.command), note: String(process.pid) };
  const thread = world.ways.processOfThread.get(id)?.threads.find((one) => threadId(one) === id);
  if (thread) return { kind: t('Thread'), name: thread[4], note: String(thread[0]) };
  const [kind = '', name = ''] = id.split(/:(.*)/);
  return { kind: kind === 'namespace' ? t('namespace') : t('Group'), name, note: '' };
}

export function describe(world: World, id: string): string {
  const { kind, name, note } = nameOf(world, id);
  const cpu = world.cpu.get(id);
  return [kind, name, note, cpu === undefined ? '' : `CPU ${percent(cpu)}`].filter(Boolean).join(', ');
}

export function ageOf(world: World, sinceMs: number): string {
  return t('ago', { time: duration(world.takenAtMs - sinceMs) });
}
