import type { Runtime, UserNamespace } from '../runtime/runtime.ts';

/** Ids of one Pod, and the first that is given (kubelet userns_manager.go; KEP-127). */
const size = 65_536;
const firstId = size;
/** Ids are 32 bits wide. */
const most = 2 ** 32 / size - 1;

/** Gives each Pod with a user namespace ids of the host that no other has. */
export class UserNamespaces {
  readonly #runtime: Runtime;
  /** First ids of sandboxes that are being made. */
  readonly #reserved = new Set<number>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Runs `make` with ids that are its own; from then on its sandbox tells that they are taken. */
  async with<T>(make: (ids: UserNamespace) => Promise<T>): Promise<T> {
    const taken = new Set(this.#runtime.sandboxes().map(({ spec }) => spec.userNamespace?.hostId));
    let hostId = firstId;
    while (taken.has(hostId) || this.#reserved.has(hostId)) hostId += size;
    if (hostId / size > most) throw new Error('no ids are left for another user namespace');
    this.#reserved.add(hostId);
    try {
      return await make({ hostId, size });
    } finally {
      this.#reserved.delete(hostId);
    }
  }
}
