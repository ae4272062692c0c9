import fs from 'node:fs/promises';
import path from 'node:path';
import type { Linux } from '../../linux/linux.ts';

/** Where manifests of CSI drivers, and others that work with a kubelet's files, look for them. */
const wellKnown = '/var/lib/kubelet';

/**
 * The kubelet's directory. Pods know it as /var/lib/kubelet, as on every node, whichever cluster of this machine they are
 * of: a hostPath there is led to the cluster's own, and drivers are told paths in those words.
 */
export class KubeletDirectory {
  readonly #root: string;
  readonly #linux: Linux;
  /** Set once mounts in it are seen by all who have it mounted. */
  #shared: Promise<void> | undefined;

  constructor(root: string, linux: Linux) {
    this.#root = root;
    this.#linux = linux;
  }

  /** A path in the directory. */
  at(...parts: string[]): string {
    return path.join(this.#root, ...parts);
  }

  /** What Pods call a path of this machine. */
  toPods(hostPath: string): string {
    return hostPath.startsWith(`${this.#root}/`) ? wellKnown + hostPath.slice(this.#root.length) : hostPath;
  }

  /** Where on this machine a path is that Pods speak of. */
  toHost(podPath: string): string {
    const normal = path.posix.normalize(podPath).replace(/(.)\/$/, '$1');
    return normal === wellKnown || normal.startsWith(`${wellKnown}/`)
      ? this.#root + normal.slice(wellKnown.length)
      : podPath;
  }

  /** The same, for who will mount it: what a driver mounts in there is to come out of its container. */
  async resolve(podPath: string): Promise<string> {
    const hostPath = this.toHost(podPath);
    if (hostPath !== podPath) await this.share();
    return hostPath;
  }

  /** Makes the directory a shared mount, as systemd makes the whole of / (mount_namespaces(7)). */
  share(): Promise<void> {
    this.#shared ??= this.#share();
    this.#shared.catch(() => (this.#shared = undefined));
    return this.#shared;
  }

  async #share(): Promise<void> {
    const root = this.#root;
    for (const name of ['plugins', 'plugins_registry', 'pods'])
      await fs.mkdir(path.join(root, name), { recursive: true, mode: 0o750 });
    const { mounts } = this.#linux;
    if ((await mounts.list(root)).some(({ target }) => target === root)) return;
    await mounts.mount({ source: root, target: root, flags: ['bind', 'rec'] });
    await mounts.mount({ source: 'none', target: root, flags: ['rshared'] });
  }
}
