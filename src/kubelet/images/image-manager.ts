import type { Container as ContainerDef, Pod, Secret } from '../../api/generated/core-v1.ts';
import { Backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { errorChain } from '../../base/log.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { ImageError, type ImageInfo, type Images } from '../../runtime/runtime.ts';
import { goDuration } from '../crash-loop.ts';
import { Limiter } from '../limiter.ts';
import { fieldPath } from '../pod-record.ts';
import type { PullRecords } from './pull-records.ts';
import { type PullCredential, pullCredentials } from './pull-secrets.ts';

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

/** Pulls at once; others wait in order. Kubernetes's serializeImagePulls would be one, which lets one slow registry hold up all. */
const pullsAtOnce = 4;

/** Sees to it that an image is there, by the container's pull policy, with back-off (kubelet images/image_manager.go). */
export class ImageManager {
  readonly #images: Images;
  readonly #events: EventRecorder;
  readonly #clock: Clock;
  readonly #secret: (podUid: string, namespace: string, name: string) => Promise<Secret>;
  readonly #backoff: Backoff;
  readonly #pulls: Limiter;
  readonly #records: PullRecords;
  /** The last failure per Pod and image for which `#backoff` has a delay, repeated while backing off. */
  readonly #failures = new Map<string, string>();
  /** 'name@sha256:…' by image id, as statuses show it. */
  readonly #refs = new Map<string, string>();

  constructor(parts: {
    images: Images;
    events: EventRecorder;
    clock: Clock;
    secret: (podUid: string, namespace: string, name: string) => Promise<Secret>;
    records: PullRecords;
    /** @default 4 */
    maxParallelImagePulls?: number;
  }) {
    this.#images = parts.images;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#secret = parts.secret;
    this.#records = parts.records;
    this.#backoff = new Backoff(parts.clock, { initialMs: 10_000, maxMs: 300_000 });
    this.#pulls = new Limiter(parts.maxParallelImagePulls ?? pullsAtOnce);
  }

  /** What a status says of an image: its digest in a registry, else its id. */
  ref(imageId: string): string {
    return this.#refs.get(imageId) ?? imageId;
  }

  /** Records what was pulled when a kubelet before us ended. */
  async open(): Promise<void> {
    await this.#records.open((name) => this.#images.resolve(name));
  }

  /** Forgets who may use images that are gone: all but these, unless they were pulled since. */
  async forgetAllBut(imageIds: ReadonlySet<string>, sinceMs: number): Promise<void> {
    await this.#records.prune(imageIds, sinceMs);
  }

  /** Learns the names of images that running containers use. */
  async learnNames(): Promise<void> {
    for (const image of await this.#images.list()) this.#remember(image);
  }

  /** Rejects with ImageUnavailable, or when the signal says that nobody waits any more. */
  async ensure(pod: Pod, container: ContainerDef, signal: AbortSignal): Promise<ImageInfo> {
    const name = container.image ?? '';
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const present = await this.#inspect(pod, container, name, policy);
    // An image that was built or loaded by hand has no registry to be newer in.
    if (present && (present.digests.length === 0 || (await this.#mayUse(pod, name, policy, present)))) {
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

  /** Whether an image that was pulled is this Pod's, too, without asking the registry. */
  async #mayUse(pod: Pod, name: string, policy: string, { id }: ImageInfo): Promise<boolean> {
    if (policy === 'Always') return false;
    const credentials = await this.#credentials(pod, name);
    return !(await this.#records.mustPull(
      name,
      id,
      credentials.map(({ secret }) => secret),
    ));
  }

  #credentials(pod: Pod, name: string): Promise<PullCredential[]> {
    return pullCredentials(pod, name, (namespace, secret) => this.#secret(pod.metadata.uid, namespace, secret));
  }

  /** The image if it is there, or if docker or podman of this machine has it. */
  async #inspect(pod: Pod, container: ContainerDef, name: string, policy: string): Promise<ImageInfo | undefined> {
    try {
      const present = await this.#images.resolve(name);
      // What a registry gave us is not replaced by what has the same name here.
      if (present && present.digests.length > 0) return present;
      return (await this.#images.adopt(name, { builtHereOnly: policy === 'Always' })) ?? present;
    } catch (error) {
      const invalid = error instanceof ImageError && error.reason === 'InvalidImageName';
      const [reason, text] = invalid
        ? ['InvalidImageName', `Failed to apply default image tag "${name}": couldn't parse image name "${name}"`]
        : ['ImageInspectError', `Failed to inspect image "${name}"`];
      const message = `${text}: ${errorChain(error)}`;
      this.#event(pod, container, 'Warning', 'InspectFailed', message);
      throw new ImageUnavailable(reason as string, message, 10_000);
    }
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
    const waitsSinceMs = this.#clock.steady();
    try {
      const credentials = await this.#credentials(pod, name);
      const { image, tookMs } = await unlessAborted(
        this.#pulls.run(async () => {
          signal.throwIfAborted();
          const startMs = this.#clock.steady();
          return { image: await this.#pullOnce(name, credentials), tookMs: this.#clock.steady() - startMs };
        }),
        signal,
      );
      const whole = goDuration(this.#clock.steady() - waitsSinceMs);
      const text = `Successfully pulled image "${name}" in ${goDuration(tookMs)} (${whole} including waiting). Image size: ${image.sizeBytes} bytes.`;
      this.#event(pod, container, 'Normal', 'Pulled', text);
      this.#failures.delete(key);
      this.#backoff.reset(key);
      return this.#remember(image);
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = error instanceof ImageError ? error.reason : 'ErrImagePull';
      const message = pullFailure(error, reason, name);
      this.#event(pod, container, 'Warning', 'Failed', `Failed to pull image "${name}": ${message}`);
      this.#backoff.next(key);
      for (const old of this.#failures.keys()) if (this.#backoff.remaining(old) === 0) this.#failures.delete(old);
      this.#failures.set(key, `${reason}: ${message}`);
      // Shows ErrImagePull for a moment, then ImagePullBackOff, then tries again.
      throw new ImageUnavailable(reason, message, 3000);
    }
  }

  async #pullOnce(name: string, credentials: PullCredential[]): Promise<ImageInfo> {
    await this.#records.begin(name);
    try {
      const image = await this.#images.pull(name, { credentials: credentials.map(({ credential }) => credential) });
      const { usedCredential: used } = image;
      await this.#records.pulled(name, image.id, used === undefined ? undefined : credentials[used]?.secret);
      return image;
    } catch (error) {
      await this.#records.failed(name);
      throw error;
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

/** The words of kubelet's image_manager.go, evalCRIPullErr; an ImageError's message is whole, as container runtimes word it. */
function pullFailure(error: unknown, reason: string, name: string): string {
  if (!(error instanceof ImageError)) return errorChain(error);
  if (reason !== 'RegistryUnavailable') return error.message;
  return `image pull failed for ${name} because the registry is unavailable: ${error.message}`;
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
