import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { clusterClient } from '../../cli/access.ts';
import type { KubeObject } from '../../src/api/object.ts';
import type { Resource } from '../../src/api/resource.ts';
import type { Client } from '../../src/client/client.ts';
import { clusterState } from '../../src/launch.ts';
import { openLinux } from '../../src/linux/open.ts';
import { root as checkout, type Outcome, run } from '../cluster/fixture/run.ts';
import { log } from '../kernel/runtime-fixture.ts';
import { writeTinyImage } from '../kernel/tiny-image.ts';

/** A cluster of which every file is below one directory, which is a small disk of its own. */
export class StormCluster {
  readonly name = `storm-${process.pid}`;
  readonly root = `/run/vitrine-storm-${process.pid}`;
  readonly clockFile = `${this.root}-clock`;
  client!: Client;

  async start(megabytes: number): Promise<void> {
    fs.mkdirSync(this.root);
    fs.writeFileSync(this.clockFile, '0');
    const linux = await openLinux({ log });
    await linux.mounts.mount({
      source: 'storm',
      target: this.root,
      type: 'tmpfs',
      flags: [],
      data: `size=${megabytes}m,mode=755`,
    });
    await linux.close();
    process.env.VITRINE_ROOT = this.root;
    process.env.STORM_CLOCK_FILE = this.clockFile;
    process.env.VITRINE_NODE_FLAGS = `--import=${path.join(import.meta.dirname, 'clock-offset.ts')}`;
    await writeTinyImage(path.join(this.root, 'tiny.tar'));
    await this.vitrine('image', 'load', path.join(this.root, 'tiny.tar'));
    // Far from where other clusters look for a free port: they cannot see that ours is taken while its server is dead.
    const up = ['up', '--no-kubeconfig', '--api-port', String(20_000 + (process.pid % 10_000))];
    // Nor do they see its addresses before its routes are there: who starts in that moment may have chosen the same.
    for (let attempt = 1; attempt < 3 && (await this.tryVitrine(...up)).code !== 0; attempt++)
      await this.vitrine('delete');
    await this.vitrine(...up);
    this.client = clusterClient(this.name);
  }

  /** Runs `vitrine COMMAND --name NAME`, which must succeed. */
  async vitrine(...args: string[]): Promise<string> {
    const outcome = await this.tryVitrine(...args);
    assert.equal(outcome.code, 0, `vitrine ${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    return outcome.stdout;
  }

  tryVitrine(...args: string[]): Promise<Outcome> {
    return run(path.join(checkout, 'vitrine'), [...args, '--name', this.name], { timeoutMs: 120_000 });
  }

  pid(component: 'server' | 'agent'): number | undefined {
    return clusterState(this.name)[component]?.pid;
  }

  /** kill -9, and what a supervisor would do. */
  async kill(...components: ('server' | 'agent')[]): Promise<void> {
    for (const component of components) {
      const pid = this.pid(component);
      if (pid) process.kill(pid, 'SIGKILL');
    }
    await this.vitrine('up', '--no-kubeconfig');
  }

  /** Pids of containers' first processes, or of their monitors. */
  async victims(kind: 'container' | 'monitor'): Promise<number[]> {
    const dir = path.join(this.root, 'run/vitrine', this.name, 'node/runtime/containers');
    return fs.readdirSync(dir).flatMap((id) => {
      const place = path.join(dir, id);
      if (fs.existsSync(path.join(place, 'finished.json'))) return [];
      try {
        const started = JSON.parse(fs.readFileSync(path.join(place, 'started.json'), 'utf8'));
        return [kind === 'monitor' ? started.monitorPid : started.pid];
      } catch {
        return [];
      }
    });
  }

  setClock(offsetMs: number): void {
    fs.writeFileSync(this.clockFile, String(offsetMs));
  }

  /** Asks again while the API is away. */
  async persist<T>(what: string, work: () => Promise<T>, timeoutMs = 60_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (performance.now() > deadline)
          throw new Error(`never within ${timeoutMs / 1000} s: ${what}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Waits for what the API says, however often it is away meanwhile. */
  async until<T extends KubeObject>(
    what: string,
    resource: Resource<T>,
    selector: string,
    predicate: (items: T[]) => boolean,
    timeoutMs = 90_000,
  ): Promise<void> {
    let seen = '';
    await this.persist(
      what,
      async () => {
        const { items } = await this.client.list(resource, { namespace: 'default', labelSelector: selector });
        seen = items.map(describe).join('; ');
        if (!predicate(items)) throw new Error(`${items.length} are there: ${seen}`);
      },
      timeoutMs,
    );
  }

  async stop(): Promise<void> {
    this.client?.close();
    const outcome = await this.tryVitrine('delete');
    const linux = await openLinux({ log });
    for (const { target } of await linux.mounts.list(this.root)) await linux.mounts.unmount(target);
    await linux.close();
    fs.rmSync(this.root, { recursive: true, force: true });
    fs.rmSync(this.clockFile, { force: true });
    assert.equal(outcome.code, 0, outcome.stderr);
  }
}

function describe(object: KubeObject): string {
  const { status } = object as { status?: { phase?: string; containerStatuses?: { state?: object }[] } };
  return `${object.metadata.name} ${status?.phase} ${JSON.stringify(status?.containerStatuses?.[0]?.state ?? {})}`.slice(
    0,
    200,
  );
}

/** A sequence of numbers in [0, 1) that a seed repeats (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
