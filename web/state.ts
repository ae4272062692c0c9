import { computed, signal } from '@preact/signals';
import type { ColourMode, ThemeName } from './map/palette.ts';
import type { MapFilter } from './map/workload-boxes.ts';
import { search } from './model/search.ts';
import { World } from './model/world.ts';

/** What the page shows and how. Components read these; connection.ts and the user's hands set them. */
export type ViewName = 'workloads' | 'control-plane' | 'both';
export type Connection = 'connecting' | 'live' | 'lost' | 'refused';
export type Tab = 'overview' | 'why' | 'yaml' | 'events' | 'logs' | 'terminal';

/** Changes in place; `readings` tells when. */
export const world = new World();
/** Counts messages of the server. */
export const readings = signal(0);
/** The world as of the last reading; a component that calls it is drawn again with each. */
export function live(): World {
  readings.value;
  return world;
}
export const connection = signal<Connection>('connecting');

export const view = signal<ViewName>(matchMedia('(max-width: 900px)').matches ? 'workloads' : 'both');
export const colourMode = signal<ColourMode>('state');
export const filter = signal<MapFilter>({ namespace: '', onlyTrouble: false, showHost: false });
export const theme = signal<ThemeName>(chooseTheme());
export const query = signal('');
/** Id under the pointer, in whichever view. */
export const hovered = signal<string | undefined>(undefined);
/** Id that the panel is about. */
export const selected = signal<string | undefined>(undefined);
export const tab = signal<Tab>('overview');
/** Id that the views are to fly to; each new object is a new wish. */
export const flyTo = signal<{ id: string } | undefined>(undefined);
export const helpOpen = signal(false);

export const found = computed(() => {
  readings.value;
  return search(world, query.value);
});

/** Chooses what the panel is about. */
export function select(id: string | undefined): void {
  if (id === selected.value) return;
  selected.value = id;
  tab.value = 'overview';
}

export function setTheme(next: ThemeName): void {
  theme.value = next;
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
}

function chooseTheme(): ThemeName {
  const chosen = localStorage.getItem('theme');
  const next =
    chosen === 'light' || chosen === 'dark'
      ? chosen
      : matchMedia('(prefers-color-scheme: light)').matches
        ? 'light'
        : 'dark';
  document.documentElement.dataset.theme = next;
  return next;
}
