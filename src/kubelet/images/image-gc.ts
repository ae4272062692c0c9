import type { Node } from '../../api/generated/core-v1.ts';
import { ImageError } from '../../runtime/runtime.ts';
import { diskOf } from '../disk-use.ts';
import type { NodeContext } from '../node-context.ts';
import { bytesToFree, type ImageUse, planImageGC } from './plan-image-gc.ts';

/** The kubelet's ImageGCPeriod. */
const periodMs = 5 * 60_000;

/** Removes images that no container uses when the disk fills up (kubelet images/image_gc_manager.go). */
export class ImageGC {
  readonly #node: NodeContext;
  readonly #self: () => Pick<Node, 'metadata'> | undefined;
  /** When each image was first seen and last used, in milliseconds, by id. Images that are gone are forgotten. */
  readonly #seen = new Map<string, { firstSeenMs: number; lastUsedMs: number }>();
  /** Cancels the next collection. */
  #cancel: (() => void) | undefined;

  constructor(node: NodeContext, self: () => Pick<Node, 'metadata'> | undefined) {
    this.#node = node;
    this.#self = self;
  }

  start(): void {
    const { clock, log } = this.#node;
    this.#cancel = clock.after(periodMs, () => {
      this.collect().catch((error: unknown) => log.warn('cannot collect unused images', { error }));
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Frees disk if it is fuller than the high threshold. */
  async collect(): Promise<void> {
    const { paths, configuration, events, log } = this.#node;
    const disk = diskOf(paths.images);
    const wanted = bytesToFree(configuration.imageGC, disk);
    const freed = await this.#free(wanted);
    if (freed >= wanted) return;
    const text = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    log.warn('cannot free enough disk', { wanted, freed });
    const self = this.#self();
    if (self) events.event(self as Node, 'Warning', 'FreeDiskSpaceFailed', text);
  }

  /** Frees all that can be: there is pressure. */
  async deleteUnused(): Promise<void> {
    await this.#free(Number.POSITIVE_INFINITY);
  }

  /** The bytes that were freed. What the kubelet knows of images that are gone goes where there was something to free. */
  async #free(bytes: number): Promise<number> {
    const { runtime, clock, images } = this.#node;
    const beganMs = clock.now();
    const freed = await this.#remove(await this.#look(), bytes);
    if (bytes > 0) await images.forgetAllBut(new Set((await runtime.images.list()).map(({ id }) => id)), beganMs);
    return freed;
  }

  async #look(): Promise<ImageUse[]> {
    const { runtime, clock } = this.#node;
    const now = clock.steady();
    const used = new Set(runtime.containers().map(({ image }) => image.id));
    const images = await runtime.images.list();
    const present = new Set(images.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!present.has(id)) this.#seen.delete(id);
    return images.map(({ id, sizeBytes, digests }) => {
      const seen = this.#seen.get(id) ?? { firstSeenMs: now, lastUsedMs: 0 };
      if (used.has(id)) seen.lastUsedMs = now;
      this.#seen.set(id, seen);
      return { id, sizeBytes, kept: used.has(id) || digests.length === 0, ...seen };
    });
  }

  async #remove(images: ImageUse[], bytes: number): Promise<number> {
    const { runtime, configuration, clock, log } = this.#node;
    let freed = 0;
    for (const { id, sizeBytes } of planImageGC(images, configuration.imageGC, { bytes, nowMs: clock.steady() })) {
      try {
        await runtime.images.remove(id);
        freed += sizeBytes;
        log.info('removed unused image', { image: id, sizeBytes });
      } catch (error) {
        // Another cluster of this machine uses it.
        if (!(error instanceof ImageError && error.reason === 'ImageInUse')) throw error;
      }
    }
    return freed;
  }
}
