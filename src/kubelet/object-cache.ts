import type { ConfigMap, Secret } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { configMaps, type Resource, secrets } from '../api/resource.ts';
import { hasReason, notFound } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';

interface Entry {
  /** The Pods (by uid) that refer to the object; without any the watch ends. */
  users: Set<string>;
  /** The newest object, or the failure to read it. */
  value: Promise<KubeObject>;
  stop: AbortController;
}

/**
 * ConfigMaps and Secrets that Pods of this node refer to, each read once and then watched by name: the node authorizer
 * allows a kubelet no more than that (kubelet util/manager/watch_based_manager.go).
 */
export class ObjectCache {
  readonly #client: Client;
  readonly #clock: Clock;
  /** By 'resource/namespace/name'. */
  readonly #entries = new Map<string, Entry>();
  /** Told the uids of the Pods whose object has changed. */
  readonly #changed: (podUids: string[]) => void;

  constructor(client: Client, clock: Clock, changed: (podUids: string[]) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#changed = changed;
  }

  configMap(podUid: string, namespace: string, name: string): Promise<ConfigMap> {
    return this.#get(configMaps, podUid, namespace, name);
  }

  secret(podUid: string, namespace: string, name: string): Promise<Secret> {
    return this.#get(secrets, podUid, namespace, name);
  }

  /** The Pod is gone: watches that no other Pod needs end. */
  release(podUid: string): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.users.delete(podUid) || entry.users.size > 0) continue;
      entry.stop.abort();
      this.#entries.delete(key);
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.stop.abort();
    this.#entries.clear();
  }

  #get<T extends KubeObject>(resource: Resource<T>, podUid: string, namespace: string, name: string): Promise<T> {
    const key = `${resource.resource}/${namespace}/${name}`;
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { users: new Set(), value: this.#read(resource, namespace, name), stop: new AbortController() };
      this.#entries.set(key, entry);
      void this.#follow(resource, namespace, name, entry);
    }
    entry.users.add(podUid);
    return entry.value as Promise<T>;
  }

  async #read<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): Promise<T> {
    try {
      return await this.#client.get(resource, name, namespace);
    } catch (error) {
      throw hasReason(error, 'NotFound') ? absent(resource, name) : error;
    }
  }

  /** Keeps `entry.value` fresh until it is released; an immutable object needs no watch. */
  async #follow(resource: Resource<KubeObject>, namespace: string, name: string, entry: Entry): Promise<void> {
    const { signal } = entry.stop;
    for (let first = true; !signal.aborted; first = false) {
      try {
        if (!first) await this.#set(entry, await this.#read(resource, namespace, name));
        const object = (await entry.value) as KubeObject & { immutable?: boolean };
        if (object.immutable) return;
        await this.#watch(resource, namespace, name, entry, object.metadata.resourceVersion);
      } catch (error) {
        if (hasReason(error, 'NotFound')) this.#fail(entry, error);
        await new Promise<void>((resolve) => {
          const cancel = this.#clock.after(1000, resolve);
          const stop = () => {
            cancel();
            resolve();
          };
          signal.addEventListener('abort', stop, { once: true });
        });
      }
    }
  }

  async #watch(
    resource: Resource<KubeObject>,
    namespace: string,
    name: string,
    entry: Entry,
    resourceVersion: string,
  ): Promise<void> {
    const fieldSelector = `metadata.name=${name}`;
    const { signal } = entry.stop;
    for await (const event of this.#client.watch(resource, { namespace, fieldSelector, resourceVersion, signal })) {
      if (signal.aborted) return;
      if (event.type === 'ADDED' || event.type === 'MODIFIED') await this.#set(entry, event.object);
      else if (event.type === 'DELETED') this.#fail(entry, absent(resource, name));
      else if (event.type === 'ERROR') return;
    }
  }

  /** What is read again after a watch has ended is mostly what was known. */
  async #set(entry: Entry, object: KubeObject): Promise<void> {
    const known = await entry.value.catch(() => undefined);
    entry.value = Promise.resolve(object);
    if (
      known?.metadata.uid !== object.metadata.uid ||
      known.metadata.resourceVersion !== object.metadata.resourceVersion
    )
      this.#changed([...entry.users]);
  }

  #fail(entry: Entry, error: unknown): void {
    entry.value = Promise.reject(error);
    entry.value.catch(() => {});
  }
}

/** 'configmap "x" not found': the kubelet's wording has the singular (util/manager). */
const absent = (resource: { resource: string }, name: string) =>
  notFound({ group: '', resource: resource.resource.replace(/s$/, '') }, name);
