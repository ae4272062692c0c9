import fs from 'node:fs/promises';
import path from 'node:path';
import { stagingDirectory, uniqueVolumeName } from '../../api/csi-names.ts';
import type { Pod, SecretReference } from '../../api/generated/core-v1.ts';
import type { CSIDriver } from '../../api/generated/storage-v1.ts';
import { csiDrivers, secrets } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import { setOwnership } from '../volumes/ownership.ts';
import type { ServiceAccountTokens } from '../volumes/service-account-token.ts';
import type { ReadyVolume } from '../volumes/volume.ts';
import type { Attachments } from './attachments.ts';
import type { NodeService } from './csi-client.ts';
import type { CsiDrivers } from './csi-drivers.ts';
import type { VolumeCapability } from './csi-messages.ts';
import type { CsiSource } from './csi-source.ts';
import type { KubeletDirectory } from './kubelet-directory.ts';
import { accessModeOf, isAttachable, lifecycleProblem, podInfo, takesGroup } from './plan-csi-mount.ts';
import { type PublishedVolume, PublishedVolumes } from './published-volumes.ts';

/** How often volumes are published again whose driver asks for it (requiresRepublish): as often as the kubelet looks at a Pod. */
const republishMs = 60_000;

interface Parts {
  client: Client;
  clock: Clock;
  directory: KubeletDirectory;
  drivers: CsiDrivers;
  attachments: Attachments;
  tokens: ServiceAccountTokens;
}

/**
 * Volumes of CSI drivers: staged once on the node, published to each Pod, and all that undone again (pkg/volume/csi). What
 * is published is noted on disk before it is, so that it is undone also after a restart.
 */
export class CsiVolumes {
  readonly #parts: Parts;
  readonly #published: PublishedVolumes;
  /** The last work on a volume, by driver and handle: one Pod's unstaging must not meet another's staging. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#published = new PublishedVolumes(parts.directory);
  }

  /** Mounts a volume for a Pod; again, if it is there already, which drivers take. */
  setUp(pod: Pod, source: CsiSource): Promise<ReadyVolume> {
    return this.#inTurn(source, () => this.#setUp(pod, source));
  }

  /** Unmounts all that is published to a Pod; how many volumes. Rejects as long as a driver cannot. */
  async tearDown(podUid: string): Promise<number> {
    const published = await this.#published.of(podUid);
    for (const volume of published) await this.#inTurn(volume, () => this.#tearDown(volume));
    return published.length;
  }

  /** Pods that nobody may know any more, but to which something is published. */
  podUids(): Promise<string[]> {
    return this.#published.podUids();
  }

  /** What the driver says of the use of a volume, undefined where it says nothing. */
  async stats(podUid: string, source: CsiSource) {
    const service = this.#parts.drivers.get(source.driver);
    if (!(await service.can('volumeStats'))) return undefined;
    return service.stats(source.handle, this.#parts.directory.toPods(this.#published.target(podUid, source)));
  }

  async #setUp(pod: Pod, source: CsiSource): Promise<ReadyVolume> {
    const { attachments, directory, drivers } = this.#parts;
    const service = drivers.get(source.driver);
    const driver = await this.#driver(source.driver);
    const problem = lifecycleProblem(source, driver);
    if (problem) throw new Error(problem);
    await directory.share();
    const publishContext = isAttachable(source, driver) ? await attachments.wait(source) : undefined;
    const capability = await this.#capability(service, source);
    const group = takesGroup(source, driver) ? pod.spec.securityContext?.fsGroup : undefined;
    const byDriver = group !== undefined && (await service.can('volumeMountGroup'));
    const shared = {
      volumeId: source.handle,
      publishContext,
      capability: byDriver ? { ...capability, mountGroup: String(group) } : capability,
    };
    const staged = !source.ephemeral && (await service.can('stageUnstage'));
    const stagingPath = staged ? this.#stagingPath(source) : undefined;
    if (stagingPath) {
      await fs.mkdir(directory.toHost(stagingPath), { recursive: true, mode: 0o750 });
      const staging = {
        stagingPath,
        volumeContext: source.attributes,
        secrets: await this.#secret(source.stageSecret),
      };
      await service.stage({ ...shared, ...staging });
    }
    const target = await this.#published.note(pod.metadata.uid, source, attachments.nameOf(source));
    await service.publish({
      ...shared,
      stagingPath,
      targetPath: directory.toPods(target),
      readOnly: source.readOnly,
      secrets: await this.#secret(source.publishSecret),
      volumeContext: {
        ...source.attributes,
        ...podInfo(pod, source, driver),
        ...(await this.#tokens(pod, driver)),
      },
    });
    if (group !== undefined && !byDriver) {
      const policy = pod.spec.securityContext?.fsGroupChangePolicy;
      await setOwnership(target, { fsGroup: group, readOnly: source.readOnly, ...(policy && { policy }) });
    }
    return {
      hostPath: target,
      csi: source,
      ...(!source.ephemeral && { expand: (bytes: number) => this.#expand(pod.metadata.uid, source, bytes) }),
      ...(driver?.spec.requiresRepublish && { republishMs: this.#parts.clock.steady() + republishMs }),
      ...(source.readOnly && { readOnly: true }),
      ...(source.block && { device: target }),
    };
  }

  async #tearDown(volume: PublishedVolume): Promise<void> {
    const { attachments, directory, drivers } = this.#parts;
    const service = drivers.get(volume.driver);
    await service.unpublish(volume.handle, directory.toPods(volume.target));
    await this.#published.forget(volume);
    if (await this.#published.isUsed(volume)) return;
    if (!volume.ephemeral && (await service.can('stageUnstage'))) {
      const stagingPath = this.#stagingPath(volume);
      await service.unstage(volume.handle, stagingPath);
      await removeEmpty(directory.toHost(stagingPath), directory.at('plugins/kubernetes.io/csi'));
    }
    await attachments.release(uniqueVolumeName(volume.driver, volume.handle));
  }

  /** Lets the node's part of a volume grow to what it is to hold; false where there is nothing to be done. */
  async #expand(podUid: string, source: CsiSource, requiredBytes: number): Promise<boolean> {
    const service = this.#parts.drivers.get(source.driver);
    if (!(await service.can('expand'))) return false;
    const staged = await service.can('stageUnstage');
    return service.expand({
      volumeId: source.handle,
      volumePath: this.#parts.directory.toPods(this.#published.target(podUid, source)),
      requiredBytes,
      ...(staged && { stagingPath: this.#stagingPath(source) }),
      capability: await this.#capability(service, source),
      secrets: await this.#secret(source.expandSecret),
    });
  }

  /** As the driver sees it. */
  #stagingPath({ driver, handle, block, name }: Pick<CsiSource, 'driver' | 'handle' | 'block' | 'name'>): string {
    const base = this.#parts.directory.at('plugins/kubernetes.io/csi');
    const own = block
      ? path.join('volumeDevices/staging', name)
      : path.join(driver, stagingDirectory(handle), 'globalmount');
    return this.#parts.directory.toPods(path.join(base, own));
  }

  async #capability(service: NodeService, source: CsiSource): Promise<VolumeCapability> {
    const { block, fsType, mountFlags } = source;
    return { block, fsType, mountFlags, accessMode: accessModeOf(source, await service.can('singleNodeMultiWriter')) };
  }

  async #driver(name: string): Promise<CSIDriver | undefined> {
    try {
      return await this.#parts.client.get(csiDrivers, name);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #secret(reference: SecretReference | undefined): Promise<Record<string, string> | undefined> {
    if (!reference?.name) return undefined;
    const { data = {} } = await this.#parts.client.get(secrets, reference.name, reference.namespace);
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  }

  /** Tokens of the Pod's account for whom the driver asks in its name (KEP-2047). */
  async #tokens(pod: Pod, driver: CSIDriver | undefined): Promise<Record<string, string>> {
    const requests = driver?.spec.tokenRequests ?? [];
    if (requests.length === 0) return {};
    const tokens = await Promise.all(
      requests.map(async ({ audience, expirationSeconds }) => [
        audience,
        await this.#parts.tokens.getBound(pod, { audience, ...(expirationSeconds && { expirationSeconds }) }),
      ]),
    );
    return { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(Object.fromEntries(tokens)) };
  }

  #inTurn<T>({ driver, handle }: { driver: string; handle: string }, work: () => Promise<T>): Promise<T> {
    const key = uniqueVolumeName(driver, handle);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    this.#turns.set(key, turn);
    turn
      .catch(() => {})
      .finally(() => {
        if (this.#turns.get(key) === turn) this.#turns.delete(key);
      });
    return turn;
  }
}

/** Removes a directory and those above it as long as they are empty: what a driver has left in one is not ours to delete. */
async function removeEmpty(directory: string, upTo: string): Promise<void> {
  for (let at = directory; at.startsWith(`${upTo}/`); at = path.dirname(at)) {
    try {
      await fs.rmdir(at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return;
    }
  }
}
