import { statSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Container } from '../runtime/runtime.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';

/** Renames logs that have grown too large and lets the container go on in a new one (kubelet logs/container_log_manager.go). */
export class LogRotation {
  readonly #node: NodeContext;

  constructor(node: NodeContext) {
    this.#node = node;
  }

  async look(records: PodRecord[]): Promise<void> {
    for (const record of records) {
      for (const container of record.allContainers(this.#node.runtime)) {
        if (container.state !== 'running') continue;
        await this.#rotate(container).catch((error: unknown) => {
          this.#node.log.warn('cannot rotate log', { log: container.logPath, error });
        });
      }
    }
  }

  async #rotate({ id, logPath }: Container): Promise<void> {
    const { maxBytes, maxFiles } = this.#node.configuration.containerLog;
    // Synchronous: of hundreds of logs hardly one has grown, and a way through the thread pool takes ten times as long.
    const stats = statSync(logPath, { throwIfNoEntry: false });
    if (!stats || stats.size < maxBytes) return;
    const stamp = new Date(this.#node.clock.now()).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
    await rename(logPath, `${logPath}.${stamp}`);
    await this.#node.runtime.reopenLog(id);
    const directory = path.dirname(logPath);
    const old = (await readdir(directory)).filter((name) => name.startsWith(`${path.basename(logPath)}.`)).sort();
    const surplus = old.slice(0, Math.max(0, old.length - (maxFiles - 1)));
    await Promise.all(surplus.map((name) => rm(path.join(directory, name), { force: true })));
  }
}
