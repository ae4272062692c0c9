import type { Node } from '../../api/generated/core-v1.ts';
import { readInotifyLimits, readKernelLimits } from '../../linux/kernel-limits.ts';
import type { NodeContext } from '../node-context.ts';
import { type LimitUse, limitText, planKernelLimits } from './plan-kernel-limits.ts';

const lookMs = 10_000;
/** Every so many looks what takes longer is looked at, too: five minutes. */
const thoroughEvery = 30;

interface Parts {
  node: Pick<NodeContext, 'clock' | 'events' | 'log'>;
  /** The Node as the API has it, for Events. */
  self(): Pick<Node, 'metadata'> | undefined;
  /** How many Pods have a network. */
  attachedPods(): number;
  /** Called when other limits are near than before. */
  changed(): void;
}

/**
 * Watches what the kernel has only so much of, of which Pods and connections take some each, and tells before it is used
 * up: afterwards things fail in ways that nobody understands.
 */
export class KernelLimitWatch {
  readonly #parts: Parts;
  /** Limits that were near at the last look. */
  #near: LimitUse[] = [];
  /** Inotify's, as of the last thorough look. */
  #inotify: LimitUse[] = [];
  #looks = 0;
  /** Cancels the next look. */
  #cancel: (() => void) | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What the node's condition says; undefined when there is room. */
  get warning(): string | undefined {
    return this.#near.length ? this.#near.map(limitText).join('; ') : undefined;
  }

  start(): void {
    const { node } = this.#parts;
    this.#cancel = node.clock.after(lookMs, () => {
      this.look()
        .catch((error: unknown) => node.log.warn('cannot read limits of the kernel', { error }))
        .finally(() => this.#cancel && this.start());
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async look(): Promise<void> {
    const { node, self, attachedPods, changed } = this.#parts;
    if (++this.#looks % thoroughEvery === 1) this.#inotify = await readInotifyLimits();
    // Each Pod has two neighbour entries that are permanent, and so do not count (net/core/neighbour.c).
    const permanent = 2 * attachedPods();
    const uses = readKernelLimits().map((limit) =>
      limit.what.startsWith('neighbour') ? { ...limit, used: Math.max(0, limit.used - permanent) } : limit,
    );
    const before = new Set(this.#near.map(({ what }) => what));
    const { near, fresh } = planKernelLimits([...uses, ...this.#inotify], before);
    const same = near.length === before.size && fresh.length === 0;
    this.#near = near;
    const about = self();
    for (const limit of fresh) {
      node.log.warn('a limit of the kernel is near', { ...limit });
      if (about) node.events.event(about as Node, 'Warning', 'KernelLimitNear', limitText(limit));
    }
    if (!same) changed();
  }
}
