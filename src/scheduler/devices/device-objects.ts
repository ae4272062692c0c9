import type {
  AllocationResult,
  Device,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../api/generated/resource-v1.ts';
import { keyOf } from '../../api/object.ts';
import { builtin, resourceClaims } from '../../api/resource.ts';
import type { InformerFactory } from '../../client/informer.ts';
import { type Devices, idOf } from './plan-allocation.ts';

const group = 'resource.k8s.io';
const deviceClasses = builtin<DeviceClass>(group, 'v1', 'deviceclasses');
const resourceSlices = builtin<ResourceSlice>(group, 'v1', 'resourceslices');

type Selects = (expression: string, driver: string, device: Device) => boolean;

/** What the scheduler knows of devices and who has them. */
export interface DeviceObjects {
  claim(key: string): ResourceClaim | undefined;
  deviceClass(name: string): DeviceClass | undefined;
  /** Undefined until expressions can be run. */
  devices(): Devices | undefined;
  /** What a claim is being given, until it is seen written or has failed. */
  assume(key: string, allocation: AllocationResult): void;
  forget(key: string): void;
  isAssumed(key: string): boolean;
  whenSynced(): Promise<void>;
}

/** Calls `onChange` when a change may let a Pod in that had to wait. */
export function deviceObjects(informers: InformerFactory, onChange: () => void): DeviceObjects {
  const claims = informers.informer(resourceClaims);
  const classes = informers.informer(deviceClasses);
  const slices = informers.informer(resourceSlices);
  /** Allocations that are on their way to the API, by the key of their claim. */
  const assumed = new Map<string, AllocationResult>();
  /** Loaded with the first slice: most clusters have no devices. */
  let selects: Selects | undefined;
  let loading = false;
  const load = () => {
    if (loading) return;
    loading = true;
    void import('../../api/cel/device-selectors.ts').then((module) => {
      selects = module.selects;
      onChange();
    });
  };
  claims.on({
    added: onChange,
    updated(claim) {
      if (claim.status?.allocation) assumed.delete(keyOf(claim));
      onChange();
    },
    deleted(claim) {
      assumed.delete(keyOf(claim));
      onChange();
    },
  });
  classes.on({ added: onChange, updated: onChange, deleted: onChange });
  const sliceChanged = () => {
    load();
    onChange();
  };
  slices.on({ added: sliceChanged, updated: sliceChanged, deleted: onChange });
  return {
    claim: (key) => claims.get(key),
    deviceClass: (name) => classes.get(name),
    devices() {
      const all = slices.list();
      if (!selects && all.length > 0) return undefined;
      const taken = new Set<string>();
      const allocations = claims.list().map((claim) => claim.status?.allocation ?? assumed.get(keyOf(claim)));
      for (const { devices } of allocations.filter((one) => one !== undefined))
        for (const result of devices?.results ?? []) if (!result.adminAccess) taken.add(idOf(result));
      return { slices: all, deviceClass: (name) => classes.get(name), selects: selects ?? (() => false), taken };
    },
    assume: (key, allocation) => void assumed.set(key, allocation),
    forget(key) {
      if (assumed.delete(key)) onChange();
    },
    isAssumed: (key) => assumed.has(key),
    whenSynced: async () => void (await Promise.all([claims, classes, slices].map((one) => one.whenSynced()))),
  };
}
