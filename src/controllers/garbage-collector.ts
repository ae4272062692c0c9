import type { KubeObject, WatchEvent } from '../api/object.ts';
import type { Resource, ResourceInfo } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import { eventsOf, pathOf } from '../client/rest.ts';
import { WorkQueue } from '../client/work-queue.ts';
import { discoverResources } from './discover-resources.ts';
import { type Node, OwnerGraph } from './owner-graph.ts';
import { planCollection } from './plan-collection.ts';

/** How often new resources (custom ones) are looked for, in milliseconds. */
const discoveryIntervalMs = 10_000;
const workers = 10;

export interface GarbageCollector {
  whenSynced(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Deletes objects whose owners are gone, and carries out foreground and orphaning deletions (kubernetes
 * pkg/controller/garbagecollector). It watches only the metadata of every deletable resource.
 */
export function startGarbageCollector({
  client,
  clock,
  log,
}: {
  client: Client;
  clock: Clock;
  log: Logger;
}): GarbageCollector {
  const graph = new OwnerGraph();
  const queue = new WorkQueue(clock);
  const stopper = new AbortController();
  /** Resources that are being watched, by 'group/resource'. */
  const watched = new Map<string, Promise<void>>();
  const running: Promise<unknown>[] = [];
  graph.onChange((uid) => queue.add(uid));

  const synced = firstDiscovery().then(() => {
    for (let i = 0; i < workers; i++) running.push(work());
  });
  running.push(rediscover());
  return {
    whenSynced: () => synced,
    stop: async () => {
      stopper.abort();
      queue.shutDown();
      await Promise.allSettled(running);
    },
  };

  async function firstDiscovery(): Promise<void> {
    while (!stopper.signal.aborted) {
      try {
        return await discover();
      } catch (error) {
        log.warn('cannot discover resources, trying again', { error });
        await new Promise<void>((resolve) => void clock.after(1000, resolve));
      }
    }
  }

  async function rediscover(): Promise<void> {
    await synced;
    while (!stopper.signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(discoveryIntervalMs, resolve);
        stopper.signal.addEventListener(
          'abort',
          () => {
            cancel();
            resolve();
          },
          { once: true },
        );
      });
      if (!stopper.signal.aborted) await discover().catch((error: unknown) => log.warn('discovery failed', { error }));
    }
  }

  async function discover(): Promise<void> {
    const { resources, error } = await discoverResources(client);
    if (error && resources.length === 0) throw new Error(error);
    const collectable = resources.filter((info) =>
      ['delete', 'list', 'watch'].every((verb) => info.verbs.includes(verb)),
    );
    // Events live shortly and own nothing.
    const wanted = collectable.filter((info) => info.resource !== 'events');
    await Promise.all(wanted.map((info) => watchOnce(info)));
  }

  function watchOnce(info: ResourceInfo): Promise<void> {
    const key = `${info.group}/${info.resource}`;
    let first = watched.get(key);
    if (!first) {
      const { promise, resolve } = Promise.withResolvers<void>();
      first = promise;
      watched.set(key, first);
      running.push(follow(info, resolve).finally(() => watched.delete(key)));
    }
    return first;
  }

  /** Lists and watches one resource's metadata until it is no longer served. */
  async function follow(info: ResourceInfo, listed: () => void): Promise<void> {
    while (!stopper.signal.aborted) {
      try {
        const resourceVersion = await list(info);
        listed();
        if (resourceVersion === undefined) return graph.removeResource(info);
        await watch(info, resourceVersion);
      } catch (error) {
        listed();
        if (stopper.signal.aborted) return;
        log.debug('metadata watch ended', { resource: info.resource, error });
        await new Promise<void>((resolve) => void clock.after(1000, resolve));
      }
    }
  }

  async function list(info: ResourceInfo): Promise<string | undefined> {
    const response = await client.request({
      method: 'GET',
      path: `${pathOf(info)}?resourceVersion=0`,
      headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
      signal: stopper.signal,
    });
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw new Error(`list ${info.resource}: ${response.status}: ${await response.text()}`);
    const page = (await response.json()) as { metadata: { resourceVersion: string }; items?: KubeObject[] };
    graph.replace(info, page.items ?? []);
    return page.metadata.resourceVersion;
  }

  async function watch(info: ResourceInfo, resourceVersion: string): Promise<void> {
    const response = await client.request({
      method: 'GET',
      path: `${pathOf(info)}?watch=true&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`,
      headers: { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' },
      signal: stopper.signal,
      shared: true,
    });
    if (response.status !== 200)
      throw new Error(`watch ${info.resource}: ${response.status}: ${await response.text()}`);
    for await (const value of eventsOf(response)) {
      const { type, object } = value as WatchEvent<KubeObject>;
      if (type === 'ERROR') throw new Error(`watch ${info.resource}: ${JSON.stringify(object)}`);
      if (type === 'DELETED') graph.remove(object.metadata.uid);
      else if (type !== 'BOOKMARK') graph.set(info, object);
    }
  }

  async function work(): Promise<void> {
    for (let uid = await queue.get(); uid !== undefined; uid = await queue.get()) {
      try {
        const node = graph.get(uid);
        if (node) await collect(node);
        queue.forget(uid);
      } catch (error) {
        queue.addRateLimited(uid);
        log.debug('collection failed, trying again', { uid, error });
      } finally {
        queue.done(uid);
      }
    }
  }

  async function collect(node: Node): Promise<void> {
    const plan = planCollection(node, graph);
    if (plan.confirm.length > 0) await confirmOwners(node, plan.confirm);
    for (const dependent of plan.orphan) await dropOwners(dependent, [node.uid]);
    for (const dependent of plan.deleteDependents) queue.add(dependent.uid);
    if (plan.removeFinalizer) await dropFinalizer(node, plan.removeFinalizer);
    if (plan.dropOwners.length > 0) await dropOwners(node, plan.dropOwners);
    if (plan.unblock) await unblockOwners(node);
    if (plan.deleteSelf) await remove(node, plan.deleteSelf);
  }

  /** An owner that the graph does not know may be newer than our watch: ask the API before acting on its absence. */
  async function confirmOwners(node: Node, owners: Node['owners']): Promise<void> {
    for (const owner of owners) {
      const resource = graph.resourceOf(owner.apiVersion, owner.kind);
      // A kind that is not served (yet): say nothing about its objects.
      if (!resource) continue;
      const namespace = resource.namespaced ? node.namespace : undefined;
      try {
        const found = await client.get(resource as Resource<KubeObject>, owner.name, namespace);
        if (found.metadata.uid === owner.uid) graph.set(resource, found);
        else graph.markAbsent(owner.uid);
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
        graph.markAbsent(owner.uid);
      }
    }
    queue.add(node.uid);
  }

  async function remove(node: Node, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): Promise<void> {
    await ignoringGone(() =>
      client.delete(node.resource as Resource<KubeObject>, node.name, node.namespace, {
        propagationPolicy,
        preconditions: { uid: node.uid },
      }),
    );
  }

  async function dropFinalizer(node: Node, finalizer: string): Promise<void> {
    const finalizers = node.finalizers.filter((one) => one !== finalizer);
    const body = { metadata: { uid: node.uid, resourceVersion: node.resourceVersion, finalizers } };
    await ignoringGone(() =>
      client.patch(node.resource as Resource<KubeObject>, node.name, node.namespace, { type: 'merge', body }),
    );
  }

  async function unblockOwners(node: Node): Promise<void> {
    const ownerReferences = node.references.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    const body = { metadata: { uid: node.uid, resourceVersion: node.resourceVersion, ownerReferences } };
    await ignoringGone(() =>
      client.patch(node.resource as Resource<KubeObject>, node.name, node.namespace, { type: 'merge', body }),
    );
  }

  async function dropOwners(node: Node, uids: string[]): Promise<void> {
    const ownerReferences = node.references.filter((owner) => !uids.includes(owner.uid));
    const body = { metadata: { uid: node.uid, resourceVersion: node.resourceVersion, ownerReferences } };
    await ignoringGone(() =>
      client.patch(node.resource as Resource<KubeObject>, node.name, node.namespace, { type: 'merge', body }),
    );
  }
}

async function ignoringGone(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
