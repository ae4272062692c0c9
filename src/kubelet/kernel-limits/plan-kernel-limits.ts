/** One limit, and how much of it is used. */
export interface LimitUse {
  what: string;
  used: number;
  max: number;
  sysctl: string;
}

/** Shares of a limit at which it counts as near, and below which it no longer does. */
const nearShare = 0.8;
const clearShare = 0.7;

export interface LimitPlan {
  /** Limits that are near. */
  near: LimitUse[];
  /** Those of them that were not near before: to be told. */
  fresh: LimitUse[];
}

/** Which limits will soon be reached; `before` names those that were near at the last look. Pure. */
export function planKernelLimits(uses: readonly LimitUse[], before: ReadonlySet<string>): LimitPlan {
  const near = uses.filter(({ what, used, max }) => used / max >= (before.has(what) ? clearShare : nearShare));
  return { near, fresh: near.filter(({ what }) => !before.has(what)) };
}

/** '210 of 256 tracked connections are in use: raise net.netfilter.nf_conntrack_max'. */
export const limitText = ({ what, used, max, sysctl }: LimitUse): string =>
  `${used} of ${max} ${what} are in use: raise ${sysctl}`;
