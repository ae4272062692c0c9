import type { Health } from '../../src/inspect/live-types.ts';

export type ThemeName = 'dark' | 'light';
export type ColourMode = 'state' | 'cpu' | 'memory' | 'age';

/** Everything that the canvas paints with. */
export interface Palette {
  background: string;
  /** Fill of boxes by depth, repeating at the end. */
  depths: string[];
  border: string;
  text: string;
  faintText: string;
  /** Backing of titles that float over their box. */
  plate: string;
  accent: string;
  health: Record<Health, string>;
  /** By state of proc_pid_stat(5). */
  states: Record<string, string>;
  /** From little to much, for CPU, memory and age. */
  ramp: string[];
}

const steps = 24;
/** Results of `mix`. */
const mixed = new Map<string, string>();

export const palettes: Record<ThemeName, Palette> = {
  dark: {
    background: '#0c1117',
    depths: ['#111a24', '#14202c', '#182735', '#1b2d3d', '#203446', '#253c51'],
    border: '#33475a',
    text: '#e6edf3',
    faintText: '#93a6b8',
    plate: 'rgba(12,17,23,0.86)',
    accent: '#ffd166',
    health: { good: '#3fb68b', progress: '#e5a93b', bad: '#f2575f', idle: '#6b7f92' },
    states: {
      R: '#4ade9f',
      S: '#5b86ad',
      D: '#f28c38',
      T: '#d9b13b',
      t: '#d9b13b',
      Z: '#e5488d',
      X: '#e5488d',
      I: '#3a4f61',
    },
    ramp: ramp(['#42596e', '#2f6f7e', '#3fa37f', '#b9c94b', '#ffb347', '#ff5d52']),
  },
  light: {
    background: '#f4f6f8',
    depths: ['#ffffff', '#f3f7fa', '#eaf0f5', '#e2eaf1', '#d9e4ed', '#d1dee9'],
    border: '#b5c4d1',
    text: '#15202b',
    faintText: '#526577',
    plate: 'rgba(255,255,255,0.9)',
    accent: '#c2410c',
    health: { good: '#1f8a63', progress: '#b7791f', bad: '#c92a35', idle: '#7b8c9c' },
    states: {
      R: '#0f9d63',
      S: '#8fabc2',
      D: '#dd6b20',
      T: '#b7860b',
      t: '#b7860b',
      Z: '#c2256b',
      X: '#c2256b',
      I: '#c0ced9',
    },
    ramp: ramp(['#cfdbe6', '#8fc1c9', '#4fa58a', '#a8a62f', '#e08a2b', '#cc2f2f']),
  },
};

/** Where a value from 0 to 1 is on the ramp. */
export function onRamp(palette: Palette, value: number): string {
  const index = Math.round(Math.min(1, Math.max(0, value)) * (steps - 1));
  return palette.ramp[index] as string;
}

/** A share of one processor: square root, so that one percent is not nothing. */
export const cpuValue = (share: number): number => Math.sqrt(Math.min(1, share));

/** From 256 KiB to 4 GiB by powers of two. */
export const memoryValue = (bytes: number): number => Math.log2(Math.max(1, bytes / 2 ** 18)) / 14;

/** New is bright: from a week down to ten seconds by powers. */
export function ageValue(ageMs: number): number {
  const seconds = Math.max(10, ageMs / 1000);
  return 1 - Math.log10(seconds / 10) / Math.log10(60_480);
}

function ramp(stops: string[]): string[] {
  return Array.from({ length: steps }, (_, i) => {
    const at = (i / (steps - 1)) * (stops.length - 1);
    const from = Math.min(stops.length - 2, Math.floor(at));
    return mix(stops[from] as string, stops[from + 1] as string, at - from);
  });
}

/** Between two colours '#rrggbb', remembered: asked for at each frame. */
export function mix(a: string, b: string, share: number): string {
  const key = `${a}${b}${share}`;
  let colour = mixed.get(key);
  if (!colour) {
    const channel = (at: number) => {
      const [x, y] = [a, b].map((text) => Number.parseInt(text.slice(at, at + 2), 16)) as [number, number];
      return Math.round(x + (y - x) * share)
        .toString(16)
        .padStart(2, '0');
    };
    colour = `#${channel(1)}${channel(3)}${channel(5)}`;
    mixed.set(key, colour);
  }
  return colour;
}
