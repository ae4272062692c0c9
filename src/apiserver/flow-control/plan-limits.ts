import type { PriorityLevelConfigurationSpec } from '../../api/generated/flowcontrol-v1.ts';

/** How many seats a priority level has by itself, and how far borrowing and lending may take it. */
export interface SeatBounds {
  nominal: number;
  min: number;
  max: number;
}

/** The server's seats, shared out by the levels' shares (KEP-1040; apf_controller.go). */
export function planBounds(
  levels: ReadonlyMap<string, PriorityLevelConfigurationSpec>,
  totalSeats: number,
): Map<string, SeatBounds> {
  const sharesOf = ({ limited, exempt }: PriorityLevelConfigurationSpec) =>
    (limited ?? exempt)?.nominalConcurrencyShares ?? (limited ? 30 : 0);
  const sum = [...levels.values()].reduce((total, spec) => total + sharesOf(spec), 0) || 1;
  const bounds = new Map<string, SeatBounds>();
  for (const [name, spec] of levels) {
    const nominal = Math.ceil((totalSeats * sharesOf(spec)) / sum);
    const { lendablePercent = 0 } = spec.limited ?? spec.exempt ?? {};
    const borrowing = spec.limited?.borrowingLimitPercent;
    bounds.set(name, {
      nominal,
      min: nominal - Math.round((nominal * lendablePercent) / 100),
      max: borrowing === undefined ? totalSeats : nominal + Math.round((nominal * borrowing) / 100),
    });
  }
  return bounds;
}

/** What a level wanted lately. */
export interface SeatDemand extends SeatBounds {
  /** The most seats wanted at once since the last adjustment. */
  highWatermark: number;
  /** The same, smoothed over time. */
  smoothed: number;
}

/**
 * Lends seats of levels that do not need them to those that do: each gets the same multiple of what it wants, within its
 * bounds, such that all seats are given (apf_controller.go updateBorrowing, max-min fairness).
 */
export function planCurrentLimits(demands: ReadonlyMap<string, SeatDemand>, totalSeats: number): Map<string, number> {
  const wanted = [...demands].map(([name, { nominal, min, max, highWatermark, smoothed }]) => {
    const least = Math.max(min, Math.min(nominal, highWatermark));
    return { name, least, most: Math.max(max, least), target: Math.max(least, smoothed, 1e-9) };
  });
  const given = (multiple: number) =>
    wanted.map(({ least, most, target }) => Math.min(most, Math.max(least, multiple * target)));
  const sum = (multiple: number) => given(multiple).reduce((a, b) => a + b, 0);
  let [low, high] = [0, 1];
  while (sum(high) < totalSeats && high < 2 ** 40) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (sum(middle) > totalSeats) high = middle;
    else low = middle;
  }
  const seats = given(low);
  return new Map(wanted.map(({ name }, i) => [name, Math.max(0, Math.round(seats[i]!))]));
}

/** Half of a peak is forgotten after about five minutes (apf_controller.go seatDemandSmoothingCoefficient). */
const smoothing = 0.977;

export function smoothDemand(smoothed: number, highWatermark: number): number {
  return Math.max(highWatermark, smoothing * smoothed + (1 - smoothing) * highWatermark);
}
