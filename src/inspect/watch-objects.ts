import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, nodes, pods, services } from '../api/resource.ts';
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import { createInformerFactory } from '../client/informers.ts';
import { type ClusterObjects, workloadResources } from './cluster-objects.ts';

export interface WatchedObjects {
  /** What the API knows now. */
  current(): ClusterObjects;
  stop(): void;
}

/** The objects that a snapshot joins, kept by watches: a view that refreshes each second lists nothing again. */
export async function watchObjects(client: Client, log: Logger): Promise<WatchedObjects> {
  const factory = createInformerFactory(client, { log, clock: systemClock });
  const informers = {
    pods: factory.informer(pods),
    services: factory.informer(services),
    nodes: factory.informer(nodes),
    workloads: workloadResources.map((resource) => factory.informer(resource)),
  };
  factory.start();
  await factory.whenSynced();
  return {
    current: () => ({
      pods: typed(informers.pods),
      services: typed(informers.services),
      nodes: typed(informers.nodes),
      workloads: informers.workloads.flatMap((informer) => typed(informer)),
    }),
    stop: () => factory.stop(),
  };
}

/** Items of a list lack kind and apiVersion; objects of an informer are shared, so they get them in a copy. */
function typed<T extends KubeObject>(informer: Informer<T>): T[] {
  const { resource } = informer;
  const apiVersion = apiVersionOf(resource);
  return informer.list().map((object) => (object.kind ? object : { ...object, kind: resource.kind, apiVersion }));
}
