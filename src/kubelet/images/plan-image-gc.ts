/** An image as the garbage collection sees it; times in milliseconds. */
export interface ImageUse {
  id: string;
  sizeBytes: number;
  /** A container has it, or it could not be had again: it was built or loaded by hand. */
  kept: boolean;
  firstSeenMs: number;
  /** When a container was last seen with it; 0: never. */
  lastUsedMs: number;
}

export interface ImageGCPolicy {
  /** Use of the disk in percent above which images are removed, and that to which. */
  highPercent: number;
  lowPercent: number;
  minimumAgeMs: number;
  /** Images that were not used for so long go anyway; 0: never. */
  maximumAgeMs: number;
}

/** Bytes to be freed: none below the high threshold, else down to the low one (images/image_gc_manager.go GarbageCollect). */
export function bytesToFree(
  { highPercent, lowPercent }: ImageGCPolicy,
  { availableBytes, capacityBytes }: { availableBytes: number; capacityBytes: number },
): number {
  const usedPercent = 100 - Math.floor((availableBytes * 100) / capacityBytes);
  if (capacityBytes === 0 || usedPercent < highPercent) return 0;
  return Math.max(0, Math.floor((capacityBytes * (100 - lowPercent)) / 100) - availableBytes);
}

/** The images to remove for so many bytes, the one that was not used for longest first. Pure. */
export function planImageGC(
  images: readonly ImageUse[],
  policy: ImageGCPolicy,
  { bytes, nowMs }: { bytes: number; nowMs: number },
): ImageUse[] {
  const removable = images
    .filter(({ kept, firstSeenMs }) => !kept && nowMs - firstSeenMs >= policy.minimumAgeMs)
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);
  let freed = 0;
  return removable.filter((image) => {
    const unusedMs = nowMs - Math.max(image.lastUsedMs, image.firstSeenMs);
    const old = policy.maximumAgeMs > 0 && unusedMs > policy.maximumAgeMs;
    if (!old && freed >= bytes) return false;
    freed += image.sizeBytes;
    return true;
  });
}
