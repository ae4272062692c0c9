import { type FSWatcher, watch } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { errorChain, type Logger } from '../../base/log.ts';
import { NodeService, registration } from './csi-client.ts';
import type { KubeletDirectory } from './kubelet-directory.ts';
import type { NodeRegistration } from './node-registration.ts';

/** Looked at this often, should the file system not tell of a change. */
const checkMs = 10_000;
const retry = { initialMs: 100, maxMs: 10_000 };

interface Plugin {
  /** Known once it has answered. */
  driver?: string;
  /** Ends the next attempt to register it. */
  cancel: () => void;
}

/** The CSI drivers of this node: who has a socket in plugins_registry (kubelet pluginmanager, KEP-595). */
export class CsiDrivers {
  readonly #parts: { directory: KubeletDirectory; node: NodeRegistration; clock: Clock; log: Logger };
  /** By path of the socket that announces it. */
  readonly #plugins = new Map<string, Plugin>();
  /** Those that are registered, by name. */
  readonly #services = new Map<string, NodeService>();
  /** Told whenever a driver has come. */
  readonly #registered: () => void;
  /** By path of the socket. */
  readonly #backoff: Backoff;
  #watcher: FSWatcher | undefined;
  #cancel = () => {};
  #closed = false;

  constructor(
    parts: { directory: KubeletDirectory; node: NodeRegistration; clock: Clock; log: Logger },
    registered: () => void,
  ) {
    this.#parts = parts;
    this.#registered = registered;
    this.#backoff = new Backoff(parts.clock, retry);
  }

  async start(): Promise<void> {
    await fs.mkdir(this.#folder, { recursive: true, mode: 0o750 });
    await this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#watcher?.close();
    for (const { cancel } of this.#plugins.values()) cancel();
  }

  /** Throws in the kubelet's words as long as the driver is not registered. */
  get(name: string): NodeService {
    const service = this.#services.get(name);
    if (!service) throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
    return service;
  }

  get #folder(): string {
    return this.#parts.directory.at('plugins_registry');
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    const { clock } = this.#parts;
    this.#watch();
    const entries = await fs.readdir(this.#folder, { withFileTypes: true }).catch(() => []);
    if (this.#closed) return;
    const sockets = new Set(
      entries
        .filter((one) => one.isSocket() && !one.name.startsWith('.'))
        .map(({ name }) => path.join(this.#folder, name)),
    );
    for (const socket of this.#plugins.keys()) if (!sockets.has(socket)) await this.#remove(socket);
    for (const socket of sockets) if (!this.#plugins.has(socket)) this.#add(socket);
    this.#cancel();
    this.#cancel = clock.after(checkMs, () => void this.#look());
  }

  #watch(): void {
    if (this.#watcher) return;
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => {
        this.#cancel();
        this.#cancel = this.#parts.clock.after(20, () => void this.#look());
      });
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = undefined;
      });
    } catch {
      // The next look comes anyway.
    }
  }

  #add(socket: string): void {
    const plugin: Plugin = { cancel: () => {} };
    this.#plugins.set(socket, plugin);
    const attempt = async (): Promise<void> => {
      try {
        await this.#register(socket, plugin);
      } catch (error) {
        if (this.#closed || this.#plugins.get(socket) !== plugin) return;
        this.#parts.log.warn('cannot register plugin', { socket, error });
        plugin.cancel = this.#parts.clock.after(this.#backoff.next(socket), () => void attempt());
      }
    };
    void attempt();
  }

  async #register(socket: string, plugin: Plugin): Promise<void> {
    const { directory, node, log } = this.#parts;
    const info = await registration.info(socket);
    try {
      if (info.type !== 'CSIPlugin') throw new Error(`no handler registered for plugin type: ${info.type}`);
      if (!info.versions.some((version) => /^v?1\./.test(version)))
        throw new Error(`none of the CSI versions reported by driver ${info.name} are supported: ${info.versions}`);
      const service = new NodeService(info.endpoint ? directory.toHost(info.endpoint) : socket);
      await node.add(info.name, await service.info());
      if (this.#plugins.get(socket) !== plugin) return;
      plugin.driver = info.name;
      this.#services.set(info.name, service);
    } catch (error) {
      await registration.notify(socket, false, errorChain(error)).catch(() => {});
      throw error;
    }
    await registration.notify(socket, true);
    log.info('registered CSI driver', { driver: info.name });
    this.#registered();
  }

  async #remove(socket: string): Promise<void> {
    const { node, log } = this.#parts;
    const plugin = this.#plugins.get(socket);
    plugin?.cancel();
    this.#backoff.reset(socket);
    this.#plugins.delete(socket);
    const driver = plugin?.driver;
    if (!driver || [...this.#plugins.values()].some((other) => other.driver === driver)) return;
    this.#services.delete(driver);
    await node.remove(driver).catch((error: unknown) => log.warn('cannot unregister CSI driver', { driver, error }));
  }
}
