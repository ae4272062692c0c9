import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { configHash, configMirror, fullName } from './static-pod.ts';

const retryMs = 2000;

export interface MirrorPodsOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  /** This node in the API; undefined before it is registered. */
  node(): { name: string; uid: string } | undefined;
  /** A static Pod has a mirror now, with this status. */
  mirrored(staticUid: string, mirror: Pod): void;
}

/** Objects in the API that stand for the static Pods of this node (kubelet pod/mirror_client.go). */
export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  /** Mirrors that the API has, by full name. */
  readonly #mirrors = new Map<string, Pod>();
  /** Static Pods that are to have one, by full name. */
  readonly #wanted = new Map<string, Pod>();
  /** Full names at work, so that each is made once. */
  readonly #busy = new Set<string>();
  /** Nothing is written before all mirrors of the API are known. */
  #synced = false;

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
  }

  /** All mirrors of the API have been observed. */
  synced(): void {
    this.#synced = true;
    for (const name of new Set([...this.#wanted.keys(), ...this.#mirrors.keys()])) void this.#sync(name);
  }

  want(pod: Pod): void {
    this.#wanted.set(fullName(pod), pod);
    void this.#sync(fullName(pod));
  }

  /** The static Pod has ended. */
  drop(pod: Pod): void {
    if (this.#wanted.get(fullName(pod))?.metadata.uid !== pod.metadata.uid) return;
    this.#wanted.delete(fullName(pod));
    void this.#sync(fullName(pod));
  }

  /** The mirror of a static Pod, if it is one of that very manifest. */
  of(pod: Pod): Pod | undefined {
    const mirror = this.#mirrors.get(fullName(pod));
    return mirror && isCurrent(mirror, pod) ? mirror : undefined;
  }

  observe(mirror: Pod): void {
    this.#mirrors.set(fullName(mirror), mirror);
    void this.#sync(fullName(mirror));
  }

  gone(mirror: Pod): void {
    const known = this.#mirrors.get(fullName(mirror));
    if (known?.metadata.uid !== mirror.metadata.uid) return;
    this.#mirrors.delete(fullName(mirror));
    void this.#sync(fullName(mirror));
  }

  /** Makes the API say what is wanted of one name: a mirror that is stale or being deleted makes room for another. */
  async #sync(name: string): Promise<void> {
    if (!this.#synced || this.#busy.has(name)) return;
    const [wanted, mirror] = [this.#wanted.get(name), this.#mirrors.get(name)];
    if (!mirror && !wanted) return;
    if (mirror && wanted && isCurrent(mirror, wanted)) return;
    this.#busy.add(name);
    try {
      if (mirror) await this.#delete(mirror);
      else if (wanted) await this.#create(wanted);
    } catch (error) {
      this.#options.log.warn('cannot write the mirror of a static pod', { pod: name, error });
      await new Promise<void>((resolve) => void this.#options.clock.after(retryMs, resolve));
    }
    this.#busy.delete(name);
    void this.#sync(name);
  }

  async #create(pod: Pod): Promise<void> {
    const { client, node, mirrored } = this.#options;
    const owner = node();
    if (!owner) throw new Error('the node is not registered yet');
    const { name, namespace, labels, annotations = {} } = pod.metadata;
    const body = {
      metadata: {
        ...{ name, namespace, ...(labels && { labels }) },
        annotations: { ...annotations, [configMirror]: annotations[configHash] ?? '' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: owner.name, uid: owner.uid, controller: true }],
      },
      spec: pod.spec,
    };
    const mirror = await client.create(pods, body).catch((error: unknown) => {
      // The watch has yet to tell of one that is there already.
      if (hasReason(error, 'AlreadyExists')) return client.get(pods, name, namespace);
      throw error;
    });
    this.#mirrors.set(fullName(mirror), mirror);
    if (isCurrent(mirror, pod)) mirrored(pod.metadata.uid, mirror);
  }

  async #delete(mirror: Pod): Promise<void> {
    const { name, namespace, uid } = mirror.metadata;
    try {
      await this.#options.client.delete(pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error;
    }
    if (this.#mirrors.get(fullName(mirror))?.metadata.uid === uid) this.#mirrors.delete(fullName(mirror));
  }
}

const isCurrent = (mirror: Pod, pod: Pod): boolean =>
  mirror.metadata.annotations?.[configMirror] === pod.metadata.uid && mirror.metadata.deletionTimestamp === undefined;
