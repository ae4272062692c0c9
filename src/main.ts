import fs from 'node:fs';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { UserError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { createLogger, errorChain } from './base/log.ts';
import type { ServerOptions } from './cluster-config.ts';
import type { KubeletConfigurationFile } from './kubelet/configuration.ts';
import { readPidFile, reportToParent, settled, shutdownSignal, writePidFile } from './linux/daemon.ts';
import { type ClusterPaths, clusterPaths, nodePaths } from './paths.ts';
import { type ComponentName, pidFile } from './processes.ts';

/** A started process of the cluster. */
export interface RunningProcess {
  /** Resolves when it does its work: the API answers, the node is Ready. */
  ready: Promise<void>;
  /** The machine, or the cluster, is going down: what is to end gracefully does. */
  shutDown?(): Promise<void>;
  stop(): Promise<void>;
}

export type ProcessOptions = ServerOptions & {
  kubelet?: KubeletConfigurationFile;
  /** Which further node of the cluster this is. @default the first one */
  node?: string | undefined;
};

/** The first seconds belong to whoever waits for Pods. */
const compileCacheDelayMs = 10_000;

const titles: Record<ComponentName, string> = { server: 'control plane', agent: 'node' };

/** Entry of the two processes: starts one, reports to whoever started us, and runs until a signal. The exit code. */
export async function runProcess(component: ComponentName, name: string, options: ProcessOptions): Promise<number> {
  const { replica, node } = options;
  process.title = `vitrine: ${titles[component]} ${name}${node ? `/${node}` : ''}${replica ? ` (${replica})` : ''}`;
  const level = process.env.VITRINE_LOG === 'debug' ? 'debug' : 'info';
  const log = createLogger(component, { level });
  const paths = node ? nodePaths(clusterPaths(name), node) : clusterPaths(name);
  const file = pidFile(paths, component, replica);
  const other = await settled(readPidFile(file));
  if (other)
    throw new UserError(
      `${titles[component]} of cluster "${name}"${node ? ` (${node})` : ''} is already running: pid ${other.pid}`,
    );
  writePidFile(file);
  holdProgramFolder();
  logStrayErrors(log);
  try {
    const running = await start(component, paths, log, options);
    const stopped = untilSignal();
    await Promise.race([running.ready, stopped]);
    reportToParent({ ready: true });
    collectWhenIdle();
    log.info('ready', { sinceStartMs: Math.round(performance.now()) });
    // Node writes it at exit only: without this the next start would be slow until the first `down`.
    setTimeout(flushCompileCache, compileCacheDelayMs).unref();
    const signal = await stopped;
    log.info('stopping', { signal });
    if (signal === shutdownSignal) await running.shutDown?.();
    await running.stop();
    return 0;
  } catch (error) {
    reportToParent({ error: errorChain(error), hint: error instanceof UserError ? error.hint : undefined });
    log.error('cannot start', { error });
    return 1;
  } finally {
    // Handles that are still open (a worker, a socket) must not keep a stopped process.
    setTimeout(() => process.exit(), 1000).unref();
  }
}

async function start(component: ComponentName, paths: ClusterPaths, log: Logger, options: ProcessOptions) {
  if (component === 'server') {
    const { startControlPlane } = await import('./control-plane.ts');
    return startControlPlane(paths, log, options);
  }
  const { startNode } = await import('./node.ts');
  return startNode(paths, log, options.kubelet);
}

/** Chunks of the program are loaded when first needed: an open folder tells tools/build.ts that this build is in use. */
function holdProgramFolder(): void {
  if (process.argv[1]) fs.openSync(path.dirname(fs.realpathSync(process.argv[1])), 'r');
}

/** A look finds us quiet when we used less than this since the last one, in milliseconds of CPU. */
const quietMs = 100;
const lookMs = 2000;
/** So many quiet looks on end: a burst is over. */
const quietLooks = 2;
const trimDelayMs = 500;
/** So much work leaves enough garbage to be worth a collection, in milliseconds of CPU. */
const workMs = 1000;

/**
 * V8 collects when it allocates: after a burst a heap stays as large as the burst made it. Once it has been quiet for a
 * few seconds, one full collection gives the memory back. So it is with malloc, which has then what buffers were in.
 */
function collectWhenIdle(): void {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as (options: {
    type: 'major';
    execution: 'sync';
    flavor: 'last-resort';
  }) => void;
  const usedMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let [before, collected, quiet] = [usedMs(), 0, 0];
  setInterval(() => {
    const now = usedMs();
    quiet = now - before < quietMs ? quiet + 1 : 0;
    if (quiet >= quietLooks && now - collected > workMs) {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      // Later, as buffers are freed by a thread of V8's; loaded when first needed, as FFI is nothing for a start.
      setTimeout(async () => (await import('./linux/free-memory.ts')).giveBackFreeMemory(), trimDelayMs).unref();
      collected = usedMs();
    }
    before = usedMs();
  }, lookMs).unref();
}

/** SIGTERM ends a process, whose containers go on; a failing power supply (signal(7)) ends the node as a whole. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', shutdownSignal] as const) process.once(signal, () => resolve(signal));
  });
}

/** A bug in one reconcile must not take the cluster down: it is logged, and the rest goes on. */
function logStrayErrors(log: Logger): void {
  process.on('unhandledRejection', (error) =>
    log.error('unhandled rejection', { error, stack: (error as Error)?.stack }),
  );
  process.on('uncaughtException', (error) => log.error('uncaught exception', { error, stack: error.stack }));
}
