import type { OwnerReference } from '../api/generated/meta-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, type ResourceInfo } from '../api/resource.ts';

export interface OwnerLink {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  blockOwnerDeletion: boolean;
}

/** What the garbage collector needs to know of an object. */
export interface Node {
  uid: string;
  resource: ResourceInfo;
  name: string;
  namespace: string | undefined;
  resourceVersion: string;
  deleting: boolean;
  finalizers: readonly string[];
  owners: readonly OwnerLink[];
  /** The same as the object has them. */
  references: readonly OwnerReference[];
}

/** Who owns whom, by uid (kubernetes pkg/controller/garbagecollector/graph.go). */
export class OwnerGraph {
  readonly #nodes = new Map<string, Node>();
  /** uids of dependents by the owner's uid; holds an entry only while there are some. */
  readonly #dependents = new Map<string, Set<string>>();
  /** uids of owners of which the API said that they do not exist. */
  readonly #absent = new Set<string>();
  /** Served resources by 'apiVersion kind'. */
  readonly #resources = new Map<string, ResourceInfo>();
  #listener: (uid: string) => void = () => {};

  /** Calls `fn` with the uid of each object that may need collecting. */
  onChange(fn: (uid: string) => void): void {
    this.#listener = fn;
  }

  get(uid: string): Node | undefined {
    return this.#nodes.get(uid);
  }

  dependents(uid: string): Node[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((one) => this.#nodes.get(one) ?? []);
  }

  isAbsent(uid: string): boolean {
    return this.#absent.has(uid);
  }

  markAbsent(uid: string): void {
    this.#absent.add(uid);
  }

  resourceOf(apiVersion: string, kind: string): ResourceInfo | undefined {
    const exact = this.#resources.get(`${apiVersion} ${kind}`);
    if (exact) return exact;
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
    return [...this.#resources.values()].find((info) => info.group === group && info.kind === kind);
  }

  /** Makes the graph hold exactly these objects of the resource. */
  replace(resource: ResourceInfo, objects: KubeObject[]): void {
    this.#resources.set(`${apiVersionOf(resource)} ${resource.kind}`, resource);
    const listed = new Set(objects.map((object) => object.metadata.uid));
    for (const node of this.#nodes.values())
      if (sameResource(node.resource, resource) && !listed.has(node.uid)) this.remove(node.uid);
    for (const object of objects) this.set(resource, object);
  }

  removeResource(resource: ResourceInfo): void {
    this.replace(resource, []);
    this.#resources.delete(`${apiVersionOf(resource)} ${resource.kind}`);
  }

  set(resource: ResourceInfo, { metadata }: KubeObject): void {
    const previous = this.#nodes.get(metadata.uid);
    if (previous) this.#unlink(previous);
    const node: Node = {
      uid: metadata.uid,
      resource,
      name: metadata.name,
      namespace: metadata.namespace,
      resourceVersion: metadata.resourceVersion,
      deleting: !!metadata.deletionTimestamp,
      finalizers: metadata.finalizers ?? none,
      owners: metadata.ownerReferences?.map(linkOf) ?? none,
      references: metadata.ownerReferences ?? none,
    };
    this.#absent.delete(node.uid);
    this.#nodes.set(node.uid, node);
    for (const owner of node.owners) {
      const set = this.#dependents.get(owner.uid) ?? new Set();
      set.add(node.uid);
      this.#dependents.set(owner.uid, set);
    }
    if (node.owners.length > 0 || (node.deleting && node.finalizers.length > 0)) this.#listener(node.uid);
    // An owner that waits for its dependents looks again when one changes.
    if (previous && changedForOwners(previous, node)) this.#tellOwners([...previous.owners, ...node.owners]);
  }

  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (!node) return;
    this.#nodes.delete(uid);
    this.#absent.add(uid);
    this.#unlink(node);
    const dependents = this.#dependents.get(uid);
    if (dependents) for (const dependent of dependents) this.#listener(dependent);
    else this.#absent.delete(uid);
    this.#tellOwners(node.owners);
  }

  #tellOwners(owners: readonly OwnerLink[]): void {
    for (const { uid } of owners) if (this.#nodes.get(uid)?.deleting) this.#listener(uid);
  }

  #unlink(node: Node): void {
    for (const { uid } of node.owners) {
      const set = this.#dependents.get(uid);
      set?.delete(node.uid);
      if (set?.size === 0) {
        this.#dependents.delete(uid);
        this.#absent.delete(uid);
      }
    }
  }
}

/** Of most objects: one for all of them. */
const none: never[] = [];

function linkOf({ apiVersion, kind, name, uid, blockOwnerDeletion = false }: OwnerReference): OwnerLink {
  return { apiVersion, kind, name, uid, blockOwnerDeletion };
}

function changedForOwners(before: Node, after: Node): boolean {
  return before.deleting !== after.deleting || JSON.stringify(before.owners) !== JSON.stringify(after.owners);
}

const sameResource = (a: ResourceInfo, b: ResourceInfo) => a.group === b.group && a.resource === b.resource;
