import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import {
  classOf,
  isReservedFor,
  matchVolume,
  satisfies,
  selectedNodeAnnotation,
  waitsForConsumer,
} from '../../api/match-volume.ts';
import { keyOf } from '../../api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../../api/resource.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { sameStatus } from '../same-status.ts';
import { byClaim } from './pod-claims.ts';

const bindCompleted = 'pv.kubernetes.io/bind-completed';
const boundByController = 'pv.kubernetes.io/bound-by-controller';
const provisionerAnnotations = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
];
/** Claims that wait are looked at again so often, in milliseconds: a volume may have come free. */
const retryMs = 15_000;

/** Binds claims to volumes (kubernetes pkg/controller/volume/persistentvolume syncClaim). */
export function claimBinderController({ client, informers, events }: ControllerContext): Controller {
  const all = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const allPods = informers.informer(pods, { indexes: byClaim });
  const pending = () => all.list().flatMap((claim) => (claim.status?.phase === 'Bound' ? [] : [keyOf(claim)]));

  return {
    name: 'persistentvolumeclaim-binder',
    for: persistentVolumeClaims,
    watches: [
      {
        resource: persistentVolumes,
        keys: ({ spec }: PersistentVolume) =>
          spec.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : pending(),
      },
      { resource: storageClasses, keys: pending },
    ],
    // One after the other: two claims must not take one volume.
    workers: 1,
    reconcile: async (key) => {
      const claim = all.get(key);
      if (!claim) return;
      if (claim.metadata.annotations?.[bindCompleted]) return syncBound(claim);
      if (claim.metadata.deletionTimestamp) return;
      if (claim.spec.volumeName) return syncNamed(claim, volumes.get(claim.spec.volumeName));
      return syncUnbound(claim);
    },
  };

  async function syncUnbound(claim: PersistentVolumeClaim) {
    const storageClass = classes.get(classOf(claim));
    const delayed = waitsForConsumer(storageClass);
    const onlyReserved = delayed && !claim.metadata.annotations?.[selectedNodeAnnotation];
    const volume = matchVolume(claim, volumes.list(), { onlyReserved: delayed });
    if (volume) return bind(volume, claim);
    if (onlyReserved) tellWaiting(claim);
    else if (storageClass && storageClass.provisioner !== 'kubernetes.io/no-provisioner')
      await askProvisioner(claim, storageClass.provisioner);
    else if (classOf(claim) === '')
      events.event(
        claim,
        'Normal',
        'FailedBinding',
        'no persistent volumes available for this claim and no storage class is set',
      );
    else if (!storageClass)
      events.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${classOf(claim)}" not found`);
    await writeClaimStatus(claim, { phase: 'Pending' });
    return { requeueAfterMs: retryMs };
  }

  function tellWaiting(claim: PersistentVolumeClaim): void {
    const unscheduled = allPods.byIndex('claim', keyOf(claim)).filter((pod: Pod) => !pod.spec.nodeName);
    const names = unscheduled.map(({ metadata }) => metadata.name);
    if (names.length === 0)
      events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    else
      events.event(
        claim,
        'Normal',
        'WaitForPodScheduled',
        names.length > 1
          ? `waiting for pods ${names.join(',')} to be scheduled`
          : `waiting for pod ${names[0]} to be scheduled`,
      );
  }

  /** The provisioner watches for this annotation. */
  async function askProvisioner(claim: PersistentVolumeClaim, provisioner: string): Promise<void> {
    const current = claim.metadata.annotations ?? {};
    if (!provisionerAnnotations.every((name) => current[name] === provisioner)) {
      const annotations = {
        ...current,
        ...Object.fromEntries(provisionerAnnotations.map((name) => [name, provisioner])),
      };
      await client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } });
    }
    const who = `either by the external provisioner '${provisioner}' or manually by the system administrator`;
    const advice =
      'If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
    events.event(claim, 'Normal', 'ExternalProvisioning', `Waiting for a volume to be created ${who}. ${advice}`);
  }

  /** The user, or a former half of this work, named the volume. */
  async function syncNamed(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined) {
    const free = volume && (!volume.spec.claimRef || isReservedFor(volume, claim));
    if (volume && free) {
      if (satisfies(volume, claim) || volume.spec.claimRef) return bind(volume, claim);
      const message = `Cannot bind to requested volume "${volume.metadata.name}": requested PV is too small or does not fit`;
      events.event(claim, 'Warning', 'VolumeMismatch', message);
    } else if (volume) {
      const { namespace, name } = volume.spec.claimRef ?? {};
      events.event(
        claim,
        'Warning',
        'FailedBinding',
        `volume "${volume.metadata.name}" already bound to a different claim: ${namespace}/${name}.`,
      );
    }
    await writeClaimStatus(claim, { phase: 'Pending' });
    return { requeueAfterMs: retryMs };
  }

  async function syncBound(claim: PersistentVolumeClaim): Promise<void> {
    const volume = volumes.get(claim.spec.volumeName ?? '');
    if (volume && isReservedFor(volume, claim)) return writeBound(claim, volume);
    if (claim.status?.phase === 'Lost') return;
    const [reason, message] = volume
      ? ['ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly']
      : ['ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!'];
    await writeClaimStatus(claim, { phase: 'Lost' });
    events.event(claim, 'Warning', reason as string, message as string);
  }

  /** First the volume, then the claim: a volume that is taken is never given to another. */
  async function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { name, namespace, uid, resourceVersion } = claim.metadata;
    if (volume.spec.claimRef?.uid !== uid) {
      const own = !volume.spec.claimRef;
      const annotations = { ...volume.metadata.annotations, ...(own ? { [boundByController]: 'yes' } : {}) };
      await client.update(persistentVolumes, {
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: {
          ...volume.spec,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid, resourceVersion },
        },
      });
    }
    const annotations: Record<string, string> = { ...claim.metadata.annotations, [bindCompleted]: 'yes' };
    if (!claim.spec.volumeName) annotations[boundByController] = 'yes';
    const bound = await client.update(persistentVolumeClaims, {
      ...claim,
      metadata: { ...claim.metadata, annotations },
      spec: { ...claim.spec, volumeName: volume.metadata.name },
    });
    await writeBound(bound, volume);
  }

  async function writeBound(claim: PersistentVolumeClaim, { spec }: PersistentVolume): Promise<void> {
    const { phase, capacity } = claim.status ?? {};
    if (phase === 'Bound' && capacity) return;
    await writeClaimStatus(claim, { phase: 'Bound', accessModes: spec.accessModes, capacity: spec.capacity });
  }

  async function writeClaimStatus(
    claim: PersistentVolumeClaim,
    change: NonNullable<PersistentVolumeClaim['status']>,
  ): Promise<void> {
    const status = { ...claim.status, ...change };
    if (change.phase === 'Pending') status.accessModes = undefined;
    if (sameStatus(claim.status, status)) return;
    await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' });
  }
}
