import { builtinResources, type ResourceInfo } from '../api/resource.ts';
import { builtinStrategy } from './builtin-strategy.ts';
import { conversionOf } from './conversion.ts';
import { type ServedResource, servedResource } from './strategy.ts';

/** The resources that are served: the built-in ones, made at their first use, and custom ones, which come and go. */
export class ServedResources {
  readonly #infos: ReadonlyMap<string, ResourceInfo>;
  /** By group, version and plural. */
  readonly #served = new Map<string, ServedResource>();
  /** What `infos` answers; undefined after a change. */
  #list: readonly ResourceInfo[] | undefined;

  /** What was asked for last, until something changes: one request asks several times. */
  #newest: ServedResource | undefined;

  /** What all() answers, until something changes. */
  #all: readonly ResourceInfo[] | undefined;

  /** @param isServed which of the built-in ones */
  constructor(isServed: (info: ResourceInfo) => boolean) {
    this.#infos = new Map(builtinResources.filter(isServed).map((info) => [idOf(info), info]));
  }

  get(info: Pick<ResourceInfo, 'group' | 'version' | 'resource'>): ServedResource | undefined {
    const newest = this.#newest?.info;
    if (newest?.resource === info.resource && newest.version === info.version && newest.group === info.group) {
      return this.#newest;
    }
    this.#newest = this.#find(info);
    return this.#newest;
  }

  #find(info: Pick<ResourceInfo, 'group' | 'version' | 'resource'>): ServedResource | undefined {
    const id = idOf(info);
    const served = this.#served.get(id);
    if (served) return served;
    const builtin = this.#infos.get(id);
    if (!builtin) return undefined;
    const made = servedResource(builtin, builtinStrategy(builtin), conversionOf(builtin));
    this.#served.set(id, made);
    return made;
  }

  /** All that is served; a new array after every change. */
  infos(): readonly ResourceInfo[] {
    this.#list ??= [
      ...this.#infos.values(),
      ...[...this.#served.values()].map(({ info }) => info).filter((info) => !this.#infos.has(idOf(info))),
    ];
    return this.#list;
  }

  /** Serves a custom resource, or a new state of one. */
  set(resource: ServedResource): void {
    this.#newest = undefined;
    this.#list = undefined;
    this.#served.set(idOf(resource.info), resource);
    this.#all = undefined;
  }

  /** Ends a custom resource. */
  delete(info: Pick<ResourceInfo, 'group' | 'version' | 'resource'>): void {
    this.#newest = undefined;
    this.#list = undefined;
    this.#served.delete(idOf(info));
    this.#all = undefined;
  }

  /** All that are served; a new array after every change. */
  all(): readonly ResourceInfo[] {
    this.#all ??= [
      ...new Map([...this.#infos, ...[...this.#served].map(([id, { info }]) => [id, info] as const)]).values(),
    ];
    return this.#all;
  }
}

function idOf({ group, version, resource }: Pick<ResourceInfo, 'group' | 'version' | 'resource'>): string {
  return `${group}/${version}/${resource}`;
}
