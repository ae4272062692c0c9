import { type Level, levels, type SortOrder, sortOrders } from './rows.ts';

/** What the person looks at; a key makes a new one. */
export interface TopState {
  level: Level;
  sort: SortOrder;
  filter: string;
  /** While the filter is typed. */
  typing: boolean;
  paused: boolean;
  help: boolean;
  /** Row that the cursor is on, by key, so that it follows the row. */
  selected: string | undefined;
  /** Entered rows, the innermost last. */
  path: { level: Level; key: string; name: string }[];
  /** Process whose threads are shown. */
  threadsOf: number | undefined;
  quit: boolean;
}

export function firstState(level: Level, sort: SortOrder): TopState {
  return {
    level,
    sort,
    filter: '',
    typing: false,
    paused: false,
    help: false,
    selected: undefined,
    path: [],
    threadsOf: undefined,
    quit: false,
  };
}

/** The rows now on the screen, for keys that move. */
export interface Shown {
  rows: { key: string; name: string; pid?: number }[];
  pageSize: number;
}

/** Keys as a terminal sends them. Pure. */
export function pressKey(state: TopState, key: string, shown: Shown): TopState {
  if (key === '\u0003') return { ...state, quit: true };
  if (state.typing) return typeFilter(state, key);
  if (state.help) return { ...state, help: false };
  switch (key) {
    case 'q':
      return { ...state, quit: true };
    case '\u001b[A':
    case 'k':
      return move(state, shown, -1);
    case '\u001b[B':
    case 'j':
      return move(state, shown, 1);
    case '\u001b[5~':
      return move(state, shown, -shown.pageSize);
    case '\u001b[6~':
      return move(state, shown, shown.pageSize);
    case 'g':
      return { ...state, selected: shown.rows[0]?.key };
    case 'G':
      return { ...state, selected: shown.rows.at(-1)?.key };
    case '\r':
      return enter(state, shown);
    case '\u001b':
    case '\u007f':
      return leave(state);
    case '\t':
    case 'v':
      return { ...state, level: next(levels, state.level), path: [], threadsOf: undefined, selected: undefined };
    case 's':
      return { ...state, sort: next(sortOrders, state.sort) };
    case '/':
      return { ...state, typing: true };
    case ' ':
      return { ...state, paused: !state.paused };
    case '?':
    case 'h':
      return { ...state, help: true };
    default:
      return { ...state, sort: sortByLetter[key] ?? state.sort };
  }
}

const sortByLetter: Record<string, SortOrder> = { c: 'cpu', m: 'memory', t: 'threads', T: 'time', n: 'name' };

const next = <T>(list: readonly T[], current: T): T => list[(list.indexOf(current) + 1) % list.length]!;

function typeFilter(state: TopState, key: string): TopState {
  if (key === '\r') return { ...state, typing: false };
  if (key === '\u001b') return { ...state, typing: false, filter: '' };
  if (key === '\u007f') return { ...state, filter: state.filter.slice(0, -1) };
  return key >= ' ' && !key.startsWith('\u001b') ? { ...state, filter: state.filter + key } : state;
}

function move(state: TopState, { rows }: Shown, by: number): TopState {
  const at = Math.max(
    0,
    rows.findIndex(({ key }) => key === state.selected),
  );
  return { ...state, selected: rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.key };
}

function enter(state: TopState, { rows }: Shown): TopState {
  const row = rows.find(({ key }) => key === state.selected) ?? rows[0];
  if (!row || state.threadsOf !== undefined) return state;
  const path = [...state.path, { level: state.level, key: row.key, name: row.name }];
  if (state.level === 'processes') return { ...state, path, threadsOf: row.pid, selected: undefined, filter: '' };
  const level = state.level === 'pods' ? 'containers' : 'processes';
  return { ...state, path, level, selected: undefined, filter: '' };
}

function leave(state: TopState): TopState {
  const last = state.path.at(-1);
  if (!last) return { ...state, filter: '' };
  return {
    ...state,
    path: state.path.slice(0, -1),
    level: last.level,
    selected: last.key,
    threadsOf: undefined,
    filter: '',
  };
}
