import type { Health, LiveProcess } from '../../src/inspect/live-types.ts';

export type BoxKind = 'root' | 'namespace' | 'object' | 'pod' | 'container' | 'process' | 'group';

/** A rectangle of the map and what it stands for. Threads are no boxes: ten thousand of them are cells of a grid. */
export interface Box {
  id: string;
  kind: BoxKind;
  /** 'Deployment'; '' where the name says it. */
  word: string;
  name: string;
  /** A few more words, shown where there is room. */
  note: string;
  health: Health | undefined;
  children: Box[];
  process: LiveProcess | undefined;
  /** Place in the world, set by the layout. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** Height of the title at the top. */
  header: number;
  /** Of a process: columns of the grid of its threads. */
  columns: number;
}

export function newBox(kind: BoxKind, id: string, facts: Partial<Box> = {}): Box {
  return {
    id,
    kind,
    word: '',
    name: '',
    note: '',
    health: undefined,
    children: [],
    process: undefined,
    x: 0,
    y: 0,
    width: 0,
    height: 0,
    header: 0,
    columns: 0,
    ...facts,
  };
}
