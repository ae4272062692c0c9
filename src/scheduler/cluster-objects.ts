import type { PersistentVolume, PersistentVolumeClaim } from '../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/policy-v1.ts';
import type { CSINode, StorageClass } from '../api/generated/storage-v1.ts';
import {
  csiNodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  storageClasses,
} from '../api/resource.ts';
import type { InformerFactory } from '../client/informer.ts';
import { type DeviceObjects, deviceObjects } from './devices/device-objects.ts';

/** What the scheduler looks up beside Pods and nodes. */
export interface ClusterObjects {
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
  budgets(namespace: string): PodDisruptionBudget[];
  devices: DeviceObjects;
}

/** Calls `onChange` when a change may let a Pod in that had to wait. */
export function clusterObjects(informers: InformerFactory, onChange: () => void): ClusterObjects {
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const nodeDrivers = informers.informer(csiNodes);
  const budgets = informers.informer(podDisruptionBudgets);
  const changed = { added: onChange, updated: onChange };
  claims.on(changed);
  volumes.on(changed);
  classes.on(changed);
  nodeDrivers.on(changed);
  return {
    claim: (key) => claims.get(key),
    volume: (name) => volumes.get(name),
    volumes: () => volumes.list(),
    storageClass: (name) => classes.get(name),
    csiNode: (name) => nodeDrivers.get(name),
    budgets: (namespace) => budgets.list(namespace),
    devices: deviceObjects(informers, onChange),
  };
}
