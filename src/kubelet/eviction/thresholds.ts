import { quantityValue } from '../quantity.ts';

/** What is watched: eviction signals, with the resource that an eviction gets back and the condition that it causes (eviction/helpers.go). */
export const signals = {
  'memory.available': { resource: 'memory', condition: 'MemoryPressure' },
  // Of what Pods may use together: the node itself may have plenty left.
  'allocatableMemory.available': { resource: 'memory', condition: 'MemoryPressure' },
  'nodefs.available': { resource: 'ephemeral-storage', condition: 'DiskPressure' },
  'nodefs.inodesFree': { resource: 'inodes', condition: 'DiskPressure' },
  'imagefs.available': { resource: 'ephemeral-storage', condition: 'DiskPressure' },
  'imagefs.inodesFree': { resource: 'inodes', condition: 'DiskPressure' },
  'pid.available': { resource: 'pids', condition: 'PIDPressure' },
} as const;

export type Signal = keyof typeof signals;
export type Pressure = (typeof signals)[Signal]['condition'];
export type StarvedResource = (typeof signals)[Signal]['resource'];

/** An amount, or a share of what there is (0 to 1). */
export type Amount = { quantity: number } | { share: number };

/** A line that available resources must not fall below. */
export interface Threshold {
  signal: Signal;
  value: Amount;
  /** How long it may be crossed before Pods are evicted; 0 for a hard threshold. */
  graceMs: number;
  /** What must be free beyond the line before the threshold counts as left. */
  minReclaim?: Amount;
}

/** A map of signals to values, as a KubeletConfiguration has them: { 'memory.available': '100Mi' }. */
export type SignalMap = Record<string, string>;

export interface ThresholdMaps {
  evictionHard?: SignalMap;
  evictionSoft?: SignalMap;
  evictionSoftGracePeriod?: SignalMap;
  evictionMinimumReclaim?: SignalMap;
}

/** Reads the four maps (eviction/helpers.go ParseThresholdConfig), with the kubelet's messages. */
export function parseThresholds(maps: ThresholdMaps, durationMs: (text: string) => number): Threshold[] {
  const { evictionHard = {}, evictionSoft = {}, evictionSoftGracePeriod = {}, evictionMinimumReclaim = {} } = maps;
  const reclaims = new Map<Signal, Amount>();
  for (const [name, text] of Object.entries(evictionMinimumReclaim))
    reclaims.set(known(name), amount(name, text, 'minimum reclaim'));
  const graces = new Map<Signal, number>();
  for (const [name, text] of Object.entries(evictionSoftGracePeriod)) graces.set(known(name), durationMs(text));

  const read = (map: SignalMap, graceMs: (signal: Signal) => number): Threshold[] =>
    Object.entries(map).flatMap(([name, text]) => {
      const signal = known(name);
      // 0% and 100% switch a threshold off.
      if (text === '0%' || text === '100%') return [];
      const minReclaim = reclaims.get(signal);
      const threshold = { signal, value: amount(name, text, 'threshold'), graceMs: graceMs(signal) };
      return [minReclaim ? { ...threshold, minReclaim } : threshold];
    });
  const hard = read(evictionHard, () => 0);
  return [
    ...hard,
    ...ofAllocatable(hard),
    ...read(evictionSoft, (signal) => {
      const graceMs = graces.get(signal);
      if (graceMs === undefined)
        throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`);
      return graceMs;
    }),
  ];
}

/** What must be left of the node's memory must be left of the Pods', too (addAllocatableThresholds). */
const ofAllocatable = (hard: Threshold[]): Threshold[] =>
  hard
    .filter(({ signal }) => signal === 'memory.available')
    .map((threshold) => ({ ...threshold, signal: 'allocatableMemory.available' }));

/** 'memory.available<100Mi,nodefs.available<5%' or, for grace periods and reclaims, 'memory.available=1m30s'. */
export function parseSignalMap(text: string, separator: '<' | '='): SignalMap {
  const entries = text.split(',').filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf(separator);
      if (at < 1) throw new Error(`"${entry}": must be SIGNAL${separator}VALUE`);
      return [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
    }),
  );
}

/** What an amount is of so much. */
export const amountOf = (value: Amount, capacity: number): number =>
  'quantity' in value ? value.quantity : value.share * capacity;

function known(name: string): Signal {
  if (!Object.hasOwn(signals, name)) throw new Error(`unsupported eviction signal ${name}`);
  return name as Signal;
}

function amount(signal: string, text: string, what: string): Amount {
  if (!text.endsWith('%')) {
    const quantity = quantityValue(text);
    if (quantity <= 0) throw new Error(`eviction ${what} ${signal} must be positive: ${text}`);
    return { quantity };
  }
  const share = Number(text.slice(0, -1)) / 100;
  if (!(share > 0 && share <= 1))
    throw new Error(`eviction percentage ${what} ${signal} must be > 0% and <= 100%: ${text}`);
  return { share };
}
