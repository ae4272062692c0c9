import type { Container as ContainerDef, Pod, Secret } from '../../api/generated/core-v1.ts';
import { Backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { errorChain } from '../../base/log.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { ImageError, type ImageInfo, type Images } from '../../runtime/runtime.ts';
import { goDuration } from '../crash-loop.ts';
import { fieldPath } from '../pod-record.ts';
import { pullCredentials } from './pull-secrets.ts';

/** Why a container has no image: reason and message of its waiting state, and when to try again. */
export class ImageUnavailable extends Error {
  readonly reason: string;
  readonly retryMs: number;

  constructor(reason: string, message: string, retryMs: number) {
    super(message);
    this.name = 'ImageUnavailable';
    this.reason = reason;
    this.retryMs = retryMs;
  }
}

/** Sees to it that an image is there, by the container's pull policy, with back-off (kubelet images/image_manager.go). */
export class ImageManager {
  readonly #images: Images;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #secret: (podUid: string, namespace: string, name: string) => Promise<Secret>;
  readonly #backoff: Backoff;
  /** The last failure per Pod and image, repeated while backing off. */
  readonly #failures = new Map<string, string>();
  /** 'name@sha256:…' by image id, as statuses show it. */
  readonly #refs = new Map<string, string>();

  constructor(parts: {
    images: Images;
    events: EventRecorder;
    clock: Clock;
    secret: (podUid: string, namespace: string, name: string) => Promise<Secret>;
  }) {
    this.#images = parts.images;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#secret = parts.secret;
    this.#backoff = new Backoff(parts.clock, { initialMs: 10_000, maxMs: 300_000 });
  }

  /** What a status says of an image: its digest in a registry, else its id. */
  ref(imageId: string): string {
    return this.#refs.get(imageId) ?? imageId;
  }

  /** Learns the names of images that running containers use. */
  async open(): Promise<void> {
    for (const image of await this.#images.list()) this.#remember(image);
  }

  /** Rejects with ImageUnavailable, or when the signal says that nobody waits any more. */
  async ensure(pod: Pod, container: ContainerDef, signal: AbortSignal): Promise<ImageInfo> {
    const name = container.image ?? '';
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const present = await this.#images.resolve(name).catch((error) => {
      this.#event(
        pod,
        container,
        'Warning',
        'InspectFailed',
        `Failed to inspect image "${name}": ${errorChain(error)}`,
      );
      throw new ImageUnavailable(
        'InvalidImageName',
        `Failed to apply default image tag "${name}": ${errorChain(error)}`,
        10_000,
      );
    });
    // An image that was built or loaded by hand has no registry to be newer in.
    if (present && (policy !== 'Always' || present.digests.length === 0)) {
      const text = `Container image "${name}" already present on machine and can be accessed by the pod`;
      this.#event(pod, container, 'Normal', 'Pulled', text);
      return this.#remember(present);
    }
    if (policy === 'Never') {
      const text = `Container image "${name}" is not present with pull policy of Never`;
      this.#event(pod, container, 'Warning', 'ErrImageNeverPull', text);
      throw new ImageUnavailable('ErrImageNeverPull', text, 10_000);
    }
    return this.#pull(pod, container, name, signal);
  }

  async #pull(pod: Pod, container: ContainerDef, name: string, signal: AbortSignal): Promise<ImageInfo> {
    const key = `${pod.metadata.uid}_${name}`;
    const waitMs = this.#backoff.remaining(key);
    if (waitMs > 0) {
      const text = `Back-off pulling image "${name}"`;
      this.#event(pod, container, 'Normal', 'BackOff', text);
      const last = this.#failures.get(key);
      throw new ImageUnavailable('ImagePullBackOff', last ? `${text}: ${last}` : text, waitMs);
    }
    this.#event(pod, container, 'Normal', 'Pulling', `Pulling image "${name}"`);
    const startMs = this.#clock.now();
    try {
      const read = (namespace: string, secret: string) => this.#secret(pod.metadata.uid, namespace, secret);
      const credentials = await pullCredentials(pod, name, read);
      const image = await unlessAborted(this.#images.pull(name, { credentials }), signal);
      const took = goDuration(this.#clock.now() - startMs);
      const text = `Successfully pulled image "${name}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`;
      this.#event(pod, container, 'Normal', 'Pulled', text);
      this.#failures.delete(key);
      this.#backoff.reset(key);
      return this.#remember(image);
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof ImageError ? error.reason : 'ErrImagePull';
      // An ImageError's message is whole, worded as container runtimes word theirs.
      const message = error instanceof ImageError ? error.message : errorChain(error);
      this.#event(pod, container, 'Warning', 'Failed', `Failed to pull image "${name}": ${message}`);
      this.#backoff.next(key);
      this.#failures.set(key, `${reason}: ${message}`);
      // Shows ErrImagePull for a moment, then ImagePullBackOff, then tries again.
      throw new ImageUnavailable(reason, message, 3000);
    }
  }

  #remember(image: ImageInfo): ImageInfo {
    this.#refs.set(image.id, image.digests[0] ?? image.id);
    return image;
  }

  #event(pod: Pod, container: ContainerDef, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event(pod, type, reason, message, { fieldPath: fieldPath(pod, container.name) });
  }
}

/** Stops waiting, not the work: another Pod may want the same image. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {});
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
