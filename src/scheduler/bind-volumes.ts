import type { Node, Pod } from '../api/generated/core-v1.ts';
import { selectedNodeAnnotation } from '../api/match-volume.ts';
import { keyOf } from '../api/object.ts';
import { persistentVolumeClaims, persistentVolumes } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';
import type { InformerFactory } from '../client/informer.ts';
import type { ClusterObjects } from './cluster-objects.ts';
import { hasClaims, planBinding, podVolumes } from './plugins/volume-binding.ts';

/** A Pod whose volumes are not there after so long is put back, in milliseconds (VolumeBinding's bindTimeoutSeconds). */
const timeoutMs = 600_000;

/**
 * Before a Pod is bound its claims are: volumes are reserved for them, or their provisioners are told the node; then it
 * waits until the binder has done its part (plugins/volumebinding/binder.go BindPodVolumes).
 */
export async function bindVolumes(
  pod: Pod,
  node: Node,
  {
    client,
    informers,
    objects,
    clock,
  }: { client: Client; informers: InformerFactory; objects: ClusterObjects; clock: Clock },
): Promise<void> {
  if (!hasClaims(pod)) return;
  const state = podVolumes(pod, { objects });
  const plan = planBinding(state, node);
  if (!plan) throw new Error(`bind volumes of pod ${keyOf(pod)}: no volumes on node ${node.metadata.name} any more`);
  await Promise.all(
    plan.map(({ claim, volume }) => {
      const { name, namespace, uid } = claim.metadata;
      if (!volume) {
        const annotations = { ...claim.metadata.annotations, [selectedNodeAnnotation]: node.metadata.name };
        return client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } });
      }
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid };
      const annotations = { ...volume.metadata.annotations, 'pv.kubernetes.io/bound-by-controller': 'yes' };
      return client.update(persistentVolumes, {
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: { ...volume.spec, claimRef },
      });
    }),
  );
  await allBound(
    plan.map(({ claim }) => keyOf(claim)),
    { informers, clock },
  );
}

/** Resolves when each claim is bound. */
function allBound(keys: string[], { informers, clock }: { informers: InformerFactory; clock: Clock }): Promise<void> {
  const claims = informers.informer(persistentVolumeClaims);
  const done = () => keys.every((key) => claims.get(key)?.status?.phase === 'Bound');
  if (done()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      remove();
      cancel();
      settle();
    };
    const check = () => {
      if (done()) end(resolve);
    };
    const gone = (claim: { metadata: { name: string; namespace?: string } }) => {
      if (keys.includes(keyOf(claim)))
        end(() => reject(new Error(`persistentvolumeclaim ${keyOf(claim)} was deleted`)));
    };
    const cancel = clock.after(timeoutMs, () =>
      end(() => reject(new Error(`binding volumes: timed out waiting for ${keys.join(', ')}`))),
    );
    const remove = claims.on({ updated: check, deleted: gone });
    check();
  });
}
