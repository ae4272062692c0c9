import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Pod, PodSpec, Volume } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { InformerFactory } from '../../client/informer.ts';
import type { Linux } from '../../linux/linux.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import { Attachments } from '../csi/attachments.ts';
import type { CsiDrivers } from '../csi/csi-drivers.ts';
import { inlineSource } from '../csi/csi-source.ts';
import { CsiVolumes } from '../csi/csi-volumes.ts';
import type { KubeletDirectory } from '../csi/kubelet-directory.ts';
import type { PodFacts } from '../env/field-ref.ts';
import type { ObjectCache } from '../object-cache.ts';
import type { PodDirs } from '../pod-files.ts';
import { payloadDigest, writeAtomically } from './atomic-writer.ts';
import { setUpEmptyDir } from './empty-dir.ts';
import { expandVolume } from './expand-volume.ts';
import { setUpHostPath } from './host-path.ts';
import { setUpImage } from './image-volume.ts';
import { LocalDevices } from './local-devices.ts';
import { payloadFiles, payloadPlugin } from './payload.ts';
import { setUpClaim } from './persistent-volume-claim.ts';
import { PodCertificates } from './pod-certificates.ts';
import { ServiceAccountTokens } from './service-account-token.ts';
import { TrustBundles } from './trust-bundles.ts';
import { type ReadyVolume, type VolumeContext, volumeDir } from './volume.ts';

/** A volume that cannot be set up; its message is that of the FailedMount event. */
export class VolumeError extends Error {
  constructor(volume: string, cause: unknown) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.name = 'VolumeError';
  }
}

interface Parts {
  csi: CsiVolumes;
  kubeletDirectory: KubeletDirectory;
  events: EventRecorder;
  clock: Clock;
  client: Client;
  linux: Linux;
  objects: ObjectCache;
  tokens: ServiceAccountTokens;
  trustBundles: TrustBundles;
  certificates: PodCertificates;
}

/** @param options.changed told the uids of Pods whose volumes are to be refreshed */
export function createVolumeManager(
  options: Omit<Parts, 'tokens' | 'trustBundles' | 'certificates' | 'csi'> & {
    informers: InformerFactory;
    nodeName: string;
    csiDrivers: CsiDrivers;
    changed: (podUids: string[]) => void;
  },
): VolumeManager {
  const { client, kubeletDirectory: directory, csiDrivers: drivers } = options;
  const tokens = new ServiceAccountTokens(client, options.clock);
  const attachments = new Attachments(options);
  return new VolumeManager({
    ...options,
    tokens,
    csi: new CsiVolumes({ ...options, directory, drivers, attachments, tokens }),
    trustBundles: new TrustBundles(options),
    certificates: new PodCertificates(options),
  });
}

/** Sets up, refreshes and takes down the volumes of Pods. */
export class VolumeManager {
  readonly #client: Client;
  readonly #linux: Linux;
  readonly #objects: ObjectCache;
  readonly #tokens: ServiceAccountTokens;
  readonly #trustBundles: TrustBundles;
  readonly #certificates: PodCertificates;
  readonly #csi: CsiVolumes;
  readonly #kubeletDirectory: KubeletDirectory;
  readonly #localDevices: LocalDevices;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  /** What each volume holds: digests by Pod and volume, so that nothing is written twice. */
  readonly #written = new Map<string, Map<string, string>>();
  /** Volumes that are set up, by Pod. */
  readonly #ready = new Map<string, Map<string, ReadyVolume>>();

  constructor(parts: Parts) {
    this.#client = parts.client;
    this.#linux = parts.linux;
    this.#objects = parts.objects;
    this.#tokens = parts.tokens;
    this.#trustBundles = parts.trustBundles;
    this.#certificates = parts.certificates;
    this.#csi = parts.csi;
    this.#kubeletDirectory = parts.kubeletDirectory;
    this.#localDevices = new LocalDevices(parts);
    this.#events = parts.events;
    this.#clock = parts.clock;
  }

  /** Pods with a token or certificate that is to be renewed, or a volume to be published again. */
  due(): Set<string> {
    const now = this.#clock.steady();
    const republish = [...this.#ready].flatMap(([uid, ready]) =>
      [...ready.values()].some((volume) => isDue(volume, now)) ? [uid] : [],
    );
    return new Set([...this.#tokens.due(), ...this.#certificates.due(), ...republish]);
  }

  /** Sets up every volume that is not yet. Rejects with a VolumeError. */
  async setUp(pod: Pod, dirs: PodDirs, facts: PodFacts): Promise<Map<string, ReadyVolume>> {
    const context = this.#context(pod, dirs, facts);
    const ready = this.#ready.get(pod.metadata.uid) ?? new Map<string, ReadyVolume>();
    this.#ready.set(pod.metadata.uid, ready);
    await Promise.all(
      (pod.spec.volumes ?? []).map(async (volume) => {
        // Images are pulled for the container that mounts them.
        if (volume.image || ready.has(volume.name)) return;
        try {
          ready.set(volume.name, await this.#setUpOne(context, volume));
        } catch (error) {
          throw new VolumeError(volume.name, error);
        }
      }),
    );
    return ready;
  }

  /** The volumes of a Pod that are set up, by name. */
  ready(uid: string): ReadonlyMap<string, ReadyVolume> {
    return this.#ready.get(uid) ?? new Map();
  }

  /** Sets up a volume whose image has been pulled. */
  async setUpImage(pod: Pod, dirs: PodDirs, volume: Volume, image: ImageInfo): Promise<void> {
    const ready = this.#ready.get(pod.metadata.uid);
    if (ready && !ready.has(volume.name)) ready.set(volume.name, await setUpImage(this.#linux, dirs, volume, image));
  }

  /** Rewrites files whose source has changed. Does nothing for volumes that were never set up. */
  async refresh(pod: Pod, dirs: PodDirs, facts: PodFacts): Promise<void> {
    const context = this.#context(pod, dirs, facts);
    for (const volume of pod.spec.volumes ?? []) {
      const all = this.#ready.get(pod.metadata.uid);
      const ready = all?.get(volume.name);
      if (!all || !ready) continue;
      if (payloadPlugin(volume)) await this.#write(context, volume);
      else if (ready.csi && isDue(ready, this.#clock.steady()))
        all.set(volume.name, { ...ready, ...(await this.#csi.setUp(pod, ready.csi)) });
    }
  }

  /** Volumes that have grown: their file systems follow. */
  async expand(): Promise<void> {
    const parts = { client: this.#client, events: this.#events };
    const all = [...this.#ready.values()].flatMap((ready) => [...ready.values()]);
    // Once for all Pods that have it.
    for (const volume of new Map(all.map((one) => [one.persistentVolume, one])).values())
      await expandVolume(volume, parts);
  }

  /** What a driver says of the use of a volume; undefined where none is asked. */
  async driverStats(uid: string, volume: ReadyVolume) {
    return volume.csi && this.#csi.stats(uid, volume.csi);
  }

  /** Pods with something of a driver's that nobody else may know any more. */
  podsWithDrivers(): Promise<string[]> {
    return this.#csi.podUids();
  }

  /** Takes down what no Pod that is known uses. */
  async removeUnused(): Promise<void> {
    await this.#localDevices.removeUnused();
  }

  /** Unmounts and removes the volumes of a Pod whose containers have all ended: what was in its emptyDirs is gone. */
  async unmount(uid: string, dirs: PodDirs, spec: PodSpec | undefined): Promise<void> {
    await this.#detachLoops(uid);
    const byDrivers = !spec || mayUseDrivers(spec) ? await this.#csi.tearDown(uid) : 0;
    await this.#localDevices.release(uid);
    this.#ready.delete(uid);
    this.#written.delete(uid);
    for (const source of [this.#tokens, this.#trustBundles, this.#certificates]) source.forget(uid);
    this.#objects.release(uid);
    // An orphan's volumes are not known: look for mounts to be safe.
    if (!spec || byDrivers > 0 || hasMounts(spec)) {
      for (const directory of [dirs.run, dirs.state])
        for (const { target } of await this.#linux.mounts.list(`${directory}/`))
          await this.#linux.mounts.unmount(target);
    }
    for (const name of ['volumes', 'volume-subpaths'])
      rmSync(path.join(dirs.run, name), { recursive: true, force: true });
    if (!spec || byDrivers > 0 || spec.volumes?.some((volume) => volume.emptyDir))
      await rm(dirs.state, { recursive: true, force: true });
  }

  /** Removes everything of the Pod. */
  async tearDown(uid: string, dirs: PodDirs, spec: PodSpec | undefined): Promise<void> {
    await this.unmount(uid, dirs, spec);
    rmSync(dirs.run, { recursive: true, force: true });
  }

  /** A claim for one Pod only goes to no second one, even if the scheduler was passed by (KEP-2485). */
  #alone({ pod }: VolumeContext, volume: ReadyVolume): ReadyVolume {
    const taken = [...this.#ready].some(
      ([uid, ready]) =>
        uid !== pod.metadata.uid && [...ready.values()].some(({ exclusive }) => exclusive === volume.exclusive),
    );
    if (volume.exclusive && taken)
      throw new Error('volume uses the ReadWriteOncePod access mode and is already in use by another pod');
    return volume;
  }

  /** Files that stand for block devices, once no other Pod has them. */
  async #detachLoops(uid: string): Promise<void> {
    const loops = (of: Iterable<ReadyVolume>) =>
      [...of].filter(({ device, hostPath }) => device && device !== hostPath);
    for (const { hostPath } of loops(this.#ready.get(uid)?.values() ?? [])) {
      const others = [...this.#ready].flatMap(([other, ready]) => (other === uid ? [] : loops(ready.values())));
      if (!others.some((one) => one.hostPath === hostPath)) await this.#linux.loops.detach(hostPath);
    }
  }

  #context(pod: Pod, dirs: PodDirs, facts: PodFacts): VolumeContext {
    const { uid } = pod.metadata;
    const references = {
      configMap: (namespace: string, name: string) => this.#objects.configMap(uid, namespace, name),
      secret: (namespace: string, name: string) => this.#objects.secret(uid, namespace, name),
    };
    return {
      ...{ pod, dirs, facts, references, client: this.#client, linux: this.#linux },
      ...{ tokens: this.#tokens, trustBundles: this.#trustBundles, certificates: this.#certificates },
      ...{ csi: this.#csi, kubeletDirectory: this.#kubeletDirectory, localDevices: this.#localDevices },
    };
  }

  async #setUpOne(context: VolumeContext, volume: Volume): Promise<ReadyVolume> {
    if (payloadPlugin(volume)) return this.#write(context, volume);
    if (volume.emptyDir) return setUpEmptyDir(context, volume);
    if (volume.hostPath) return setUpHostPath(context, volume.hostPath);
    if (volume.csi) return this.#csi.setUp(context.pod, inlineSource(context.pod, volume));
    if (volume.persistentVolumeClaim || volume.ephemeral)
      return this.#alone(context, await setUpClaim(context, volume));
    throw new Error(`no volume plugin matched: ${Object.keys(volume).find((key) => key !== 'name')}`);
  }

  async #write(context: VolumeContext, volume: Volume): Promise<ReadyVolume> {
    const { pod, dirs } = context;
    const hostPath = volumeDir(dirs.run, payloadPlugin(volume)!, volume);
    const files = await payloadFiles(context, volume);
    const digest = payloadDigest(files);
    const written = this.#written.get(pod.metadata.uid) ?? new Map<string, string>();
    this.#written.set(pod.metadata.uid, written);
    if (written.get(volume.name) !== digest) {
      writeAtomically(hostPath, files, pod.spec.securityContext?.fsGroup);
      written.set(volume.name, digest);
    }
    return { hostPath, readOnly: true };
  }
}

const isDue = ({ republishMs }: ReadyVolume, now: number): boolean => republishMs !== undefined && republishMs <= now;

const mayUseDrivers = ({ volumes = [] }: PodSpec): boolean =>
  volumes.some(({ csi, persistentVolumeClaim, ephemeral }) => csi || persistentVolumeClaim || ephemeral);

/** Whether something is mounted in the Pod's own directories; what a container mounts may come out to us. */
function hasMounts({ volumes = [], containers, initContainers = [], ephemeralContainers = [] }: PodSpec): boolean {
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  return (
    volumes.some((volume) => volume.emptyDir?.medium || volume.image) ||
    all.some(({ volumeMounts = [] }) =>
      volumeMounts.some((mount) => mount.subPath || mount.subPathExpr || mount.mountPropagation === 'Bidirectional'),
    )
  );
}
