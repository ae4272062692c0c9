import { colourMode, helpOpen, selected, view } from './state.ts';

const colours = { s: 'state', c: 'cpu', m: 'memory', a: 'age' } as const;
const views = { '1': 'workloads', '2': 'control-plane', '3': 'both' } as const;

/** Keys of the whole page; those of a map are handled where it has the focus. */
export function handleKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest('.xterm, dialog')) return;
  if (event.key === '/') document.getElementById('search')?.focus();
  else if (event.key === '?') helpOpen.value = true;
  else if (event.key in views) view.value = views[event.key as keyof typeof views];
  else if (event.key in colours) colourMode.value = colours[event.key as keyof typeof colours];
  else if (event.key === 'Escape' && selected.value && !target.closest('.map')) selected.value = undefined;
  else return;
  event.preventDefault();
}
