import { amountOf, type Pressure, type Signal, type StarvedResource, signals, type Threshold } from './thresholds.ts';

/** How much of something there is, and how much is free: bytes, inodes or processes. */
export interface Observation {
  available: number;
  capacity: number;
}

export type Observations = Partial<Record<Signal, Observation>>;

/** What one look hands on to the next. */
export interface EvictionState {
  /** When a threshold that is crossed was first seen so, in milliseconds. */
  firstCrossedMs: ReadonlyMap<Threshold, number>;
  /** Thresholds that Pods were to be evicted for; they hold until their minimum reclaim is free. */
  acting: readonly Threshold[];
  /** When a pressure was last seen, in milliseconds. */
  lastSeenMs: ReadonlyMap<Pressure, number>;
}

export const calm: EvictionState = { firstCrossedMs: new Map(), acting: [], lastSeenMs: new Map() };

/** The resource that must be got back now. */
export interface Reclaim {
  threshold: Threshold;
  resource: StarvedResource;
  /** The line, and what is free, in bytes or pieces. */
  quantity: number;
  available: number;
}

export interface EvictionPlan {
  state: EvictionState;
  /** The node's conditions: seen now, or within the transition period. */
  pressures: Pressure[];
  reclaim: Reclaim | undefined;
}

/** What the observations mean for the node (eviction_manager.go synchronize, up to where it acts). Pure. */
export function planEviction(
  config: { thresholds: readonly Threshold[]; evictionPressureTransitionMs: number },
  state: EvictionState,
  observations: Observations,
  nowMs: number,
): EvictionPlan {
  const crossed = config.thresholds.filter((threshold) => isCrossed(threshold, observations));
  const unresolved = state.acting.filter((threshold) => isCrossed(threshold, observations, { withReclaim: true }));
  const all = [...new Set([...crossed, ...unresolved])];

  const firstCrossedMs = new Map(all.map((threshold) => [threshold, state.firstCrossedMs.get(threshold) ?? nowMs]));
  const lastSeenMs = new Map(state.lastSeenMs);
  for (const { signal } of all) lastSeenMs.set(signals[signal].condition, nowMs);
  const pressures = [...lastSeenMs]
    .filter(([, seenMs]) => seenMs === nowMs || nowMs - seenMs < config.evictionPressureTransitionMs)
    .map(([pressure]) => pressure);

  const acting = all.filter((threshold) => nowMs - (firstCrossedMs.get(threshold) ?? nowMs) >= threshold.graceMs);
  const [first] = acting.toSorted((a, b) => Number(isMemory(b)) - Number(isMemory(a)));
  return {
    state: { firstCrossedMs, acting, lastSeenMs },
    pressures,
    reclaim: first && reclaimOf(first, observations),
  };
}

/** Whether less is free than the threshold asks for; an absent observation crosses nothing. */
export function isCrossed(
  { signal, value, minReclaim }: Threshold,
  observations: Observations,
  { withReclaim = false } = {},
): boolean {
  const observed = observations[signal];
  if (!observed) return false;
  const more = withReclaim && minReclaim ? amountOf(minReclaim, observed.capacity) : 0;
  return observed.available < Math.floor(amountOf(value, observed.capacity)) + more;
}

/** A threshold counts as close when less than so many times its amount is free. */
const closeFactor = 2;

/** Whether something may run out before an ordinary look would see it. */
export const isClose = (thresholds: readonly Threshold[], observations: Observations): boolean =>
  thresholds.some(({ signal, value }) => {
    const observed = observations[signal];
    return observed !== undefined && observed.available < closeFactor * amountOf(value, observed.capacity);
  });

/** Memory before everything else: a machine without it stands still. */
const isMemory = ({ signal }: Threshold): boolean => signals[signal].resource === 'memory';

function reclaimOf(threshold: Threshold, observations: Observations): Reclaim {
  const { available, capacity } = observations[threshold.signal] ?? { available: 0, capacity: 0 };
  const quantity = Math.floor(amountOf(threshold.value, capacity));
  return { threshold, resource: signals[threshold.signal].resource, quantity, available };
}
