import type { LiveProcess, LiveThread } from '../../src/inspect/live-types.ts';
import { threadId, type World } from '../model/world.ts';
import { ageValue, type ColourMode, cpuValue, memoryValue, onRamp, type Palette } from './palette.ts';

interface Colouring {
  world: World;
  palette: Palette;
  mode: ColourMode;
}

export function colourOfThread({ world, palette, mode }: Colouring, process: LiveProcess, thread: LiveThread): string {
  switch (mode) {
    case 'state':
      return palette.states[thread[2]] ?? palette.border;
    case 'cpu':
      return onRamp(palette, cpuValue(world.cpu.get(threadId(thread)) ?? 0));
    case 'memory':
      // Threads share their process's memory.
      return onRamp(palette, memoryValue(process.rssBytes));
    case 'age':
      return onRamp(palette, ageValue(world.takenAtMs - ((world.host?.bootTimeMs ?? 0) + thread[1] * 10)));
  }
}

/** A process as a whole, also where its threads are too small to be drawn. */
export function colourOfProcess({ world, palette, mode }: Colouring, process: LiveProcess): string {
  switch (mode) {
    case 'state': {
      // Whoever runs shows, even if the first thread sleeps.
      const running = process.state === 'S' && process.threads.some(([, , state]) => state === 'R');
      return palette.states[running ? 'R' : process.state] ?? palette.border;
    }
    case 'cpu':
      return onRamp(palette, cpuValue(world.cpu.get(process.id) ?? 0));
    case 'memory':
      return onRamp(palette, memoryValue(process.rssBytes));
    case 'age':
      return onRamp(palette, ageValue(world.takenAtMs - process.startedAtMs));
  }
}
