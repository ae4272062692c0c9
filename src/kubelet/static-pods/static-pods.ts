import type { Pod } from '../../api/generated/core-v1.ts';
import type { MirrorPods } from './mirror-pods.ts';
import { fullName } from './static-pod.ts';

export interface StaticPodsOptions {
  mirrors: MirrorPods;
  added(pod: Pod): void;
  /** Ends the Pod; `ended` is called when it is over. */
  removed(pod: Pod): void;
}

/**
 * Pods that the manifests of this machine ask for, whatever the API says. A changed manifest is another Pod of the same
 * name: it starts when the one before has ended (kubelet pod_workers.go allowStaticPodStart).
 */
export class StaticPods {
  readonly #options: StaticPodsOptions;
  /** What the manifests say, by full name. */
  #wanted = new Map<string, Pod>();
  /** What runs, or is ending, by full name. */
  readonly #running = new Map<string, Pod>();

  constructor(options: StaticPodsOptions) {
    this.#options = options;
  }

  set(pods: Pod[]): void {
    // Of two manifests with one name the first counts.
    this.#wanted = new Map(pods.toReversed().map((pod) => [fullName(pod), pod]));
    for (const [name, pod] of this.#running)
      if (this.#wanted.get(name)?.metadata.uid !== pod.metadata.uid) this.#options.removed(pod);
    for (const pod of this.#wanted.values()) this.#start(pod);
  }

  /** A Pod of any kind has ended for good. */
  ended(uid: string): void {
    const pod = [...this.#running.values()].find(({ metadata }) => metadata.uid === uid);
    if (!pod) return;
    this.#running.delete(fullName(pod));
    this.#options.mirrors.drop(pod);
    const next = this.#wanted.get(fullName(pod));
    if (next) this.#start(next);
  }

  #start(pod: Pod): void {
    if (this.#running.has(fullName(pod))) return;
    this.#running.set(fullName(pod), pod);
    this.#options.added(pod);
    this.#options.mirrors.want(pod);
  }
}
