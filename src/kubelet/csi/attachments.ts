import { attachmentName, uniqueVolumeName } from '../../api/csi-names.ts';
import type { VolumeAttachment } from '../../api/generated/storage-v1.ts';
import { nodes, volumeAttachments } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import { Limiter } from '../limiter.ts';
import type { CsiSource } from './csi-source.ts';

/** A look waits this long for a volume to be attached before it makes room for others. */
const waitMs = 20_000;
const pollMs = { first: 50, most: 1000 };

/** Volumes that must be attached to the node before they are mounted, by who attaches them (pkg/volume/csi csi_attacher.go). */
export class Attachments {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #nodeName: string;
  /** What the Node says to be in use: it is not detached. Undefined until it is known. */
  #inUse: Set<string> | undefined;
  /** Writes one after the other. */
  readonly #writes = new Limiter(1);

  constructor(parts: { client: Client; clock: Clock; nodeName: string }) {
    this.#client = parts.client;
    this.#clock = parts.clock;
    this.#nodeName = parts.nodeName;
  }

  nameOf({ handle, driver }: CsiSource): { name: string; node: string } {
    return { name: attachmentName(handle, driver, this.#nodeName), node: this.#nodeName };
  }

  /** Resolves with what the attacher says about the volume once it is attached. */
  async wait(source: CsiSource): Promise<Record<string, string>> {
    // First, so that nobody detaches what we have seen attached.
    await this.#change((inUse) => inUse.add(uniqueVolumeName(source.driver, source.handle)));
    const { name } = this.nameOf(source);
    const deadline = this.#clock.steady() + waitMs;
    for (let delayMs = pollMs.first; ; delayMs = Math.min(2 * delayMs, pollMs.most)) {
      const attachment = await this.#get(name);
      const { attached, attachmentMetadata, attachError } = attachment?.status ?? {};
      if (attached && !attachment?.metadata.deletionTimestamp) return attachmentMetadata ?? {};
      if (attachError?.message) throw new Error(`attachment failed: ${attachError.message}`);
      if (this.#clock.steady() > deadline)
        throw new Error(
          `timed out waiting for external-attacher of ${source.driver} CSI driver to attach volume ${source.handle}`,
        );
      await new Promise<void>((resolve) => void this.#clock.after(delayMs, resolve));
    }
  }

  /** The volume is used no more: it may be detached. */
  async release(volume: string): Promise<void> {
    await this.#change((inUse) => inUse.delete(volume));
  }

  async #get(name: string): Promise<VolumeAttachment | undefined> {
    try {
      return await this.#client.get(volumeAttachments, name);
    } catch (error) {
      // Until the object is there nothing relates it to this node.
      if (hasReason(error, 'NotFound') || hasReason(error, 'Forbidden')) return undefined;
      throw error;
    }
  }

  #change(change: (inUse: Set<string>) => unknown): Promise<void> {
    return this.#writes.run(() => this.#write(change));
  }

  async #write(change: (inUse: Set<string>) => unknown): Promise<void> {
    this.#inUse ??= new Set((await this.#client.get(nodes, this.#nodeName)).status?.volumesInUse);
    const wanted = new Set(this.#inUse);
    change(wanted);
    if (wanted.size === this.#inUse.size) return;
    const body = { status: { volumesInUse: [...wanted].sort() } };
    await this.#client.patch(nodes, this.#nodeName, undefined, { type: 'strategic', body }, { subresource: 'status' });
    this.#inUse = wanted;
  }
}
