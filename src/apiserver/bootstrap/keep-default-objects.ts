import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { ObjectReader } from '../request.ts';
import { type BootstrapWrites, ensureObject } from './bootstrap.ts';
import { apiServerObjects, type DefaultObject, defaultNamespaces } from './default-objects.ts';
import type { ApiServerAddress } from './kubernetes-service.ts';

interface KeepOptions {
  reader: ObjectReader;
  writes: BootstrapWrites;
  clock: Clock;
  log: Logger;
}

/**
 * Brings back what a running cluster cannot be without: the Service of the API server and its endpoints within 10 s, the
 * namespaces within a minute (pkg/controlplane/controller/kubernetesservice, systemnamespaces). Returns what ends that.
 */
export function keepDefaultObjects(api: ApiServerAddress, options: KeepOptions): () => void {
  const stops = [keep(apiServerObjects(api), 10_000, options), keep(defaultNamespaces(), 60_000, options)];
  return () => {
    for (const stop of stops) stop();
  };
}

function keep(objects: DefaultObject[], intervalMs: number, { reader, writes, clock, log }: KeepOptions): () => void {
  let stopped = false;
  let cancel = () => {};
  const next = () => {
    if (!stopped) cancel = clock.after(intervalMs, () => void look().finally(next));
  };
  const look = async () => {
    try {
      for (const object of objects) await ensureObject(object, { reader, writes });
    } catch (error) {
      if (!stopped) log.warn('cannot bring back an object that every cluster has', { error });
    }
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
