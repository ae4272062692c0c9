import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { keyOf } from '../api/object.ts';
import { endpointSlices } from '../api/resource.ts';
import type { InformerFactory } from '../client/informer.ts';

/** Label of an EndpointSlice that names its Service (discovery/v1 LabelServiceName). */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** The EndpointSlices of each Service, kept by the informer's events. */
export class SliceIndex {
  /** Slices by their own key, by the key of their Service. */
  readonly #byService = new Map<string, Map<string, EndpointSlice>>();
  readonly #stop: () => void;
  readonly #changed: (serviceKey: string) => void;

  constructor(informers: InformerFactory, changed: (serviceKey: string) => void = () => {}) {
    this.#changed = changed;
    this.#stop = informers.informer(endpointSlices).on({
      added: (slice) => this.#put(slice),
      updated: (slice, previous) => {
        if (serviceOf(previous) !== serviceOf(slice)) this.#drop(previous);
        this.#put(slice);
      },
      deleted: (slice) => this.#drop(slice),
    });
  }

  of(serviceKey: string): EndpointSlice[] {
    return [...(this.#byService.get(serviceKey)?.values() ?? [])];
  }

  close(): void {
    this.#stop();
  }

  #put(slice: EndpointSlice): void {
    const service = serviceOf(slice);
    if (!service) return;
    const slices = this.#byService.getOrInsertComputed(service, () => new Map());
    slices.set(keyOf(slice), slice);
    this.#changed(service);
  }

  #drop(slice: EndpointSlice): void {
    const service = serviceOf(slice);
    const slices = service ? this.#byService.get(service) : undefined;
    if (!service || !slices?.delete(keyOf(slice))) return;
    if (slices.size === 0) this.#byService.delete(service);
    this.#changed(service);
  }
}

function serviceOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${slice.metadata.namespace}/${name}`;
}
