import type { Schema } from '../api/apply/schema.ts';
import type { Columns } from '../api/columns/column.ts';
import type { Duplicates } from '../api/decode.ts';
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/object.ts';
import type { ResourceInfo } from '../api/resource.ts';
import type { Cause } from '../api/status-error.ts';
import { storagePrefix } from './storage/storage-key.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What the verbs ask about a kind of object. Built-in kinds answer from the facts table, custom resources from their schema. */
export interface Strategy {
  /** The object that a body holds, in canonical form: known fields only. Throws on wrong types, on unknown
   * fields as `fieldValidation` says. */
  decode(
    value: unknown,
    fieldValidation: FieldValidation,
    duplicates?: Duplicates,
  ): { object: KubeObject; warnings: string[] };
  defaults(object: KubeObject): void;
  /** Gives an object the status of one that nobody has looked at yet. Called only if `hasStatus`. */
  resetStatus(object: KubeObject): void;
  validateCreate(object: KubeObject): Cause[];
  validateUpdate(object: KubeObject, old: KubeObject, warn?: (message: string) => void): Cause[];
  validateStatusUpdate(object: KubeObject, old: KubeObject, warn?: (message: string) => void): Cause[];
  /** What server-side apply must know of the type. */
  readonly schema: Schema;
  /** What `kubectl get` shows. */
  readonly columns: Columns;
  /** The rules of this kind alone. */
  readonly kind: Kind;
  /** Whether there is a status that only /status may write. */
  readonly hasStatus: boolean;
  readonly hasGeneration: boolean;
  /** Whether an update without resourceVersion overwrites (AllowUnconditionalUpdate). */
  readonly unconditionalUpdate: boolean;
  /** Whether PUT of a name that does not exist creates it (AllowCreateOnUpdate). */
  readonly createOnUpdate: boolean;
  /** Whether DELETE answers with the object instead of a Status (ReturnDeletedObject). */
  readonly returnsDeleted: boolean;
  /** Objects vanish after so long (Events). */
  readonly ttlSeconds: number | undefined;
  /** What a delete without propagationPolicy does with dependents. */
  readonly orphansByDefault: boolean;
  mergePatch: 'strategic' | 'unsupported';
  /** Whether an update is a new generation. @default whether spec differs */
  isNewGeneration?(object: KubeObject, old: KubeObject): boolean;
}

/** A resource in one of the versions it is served in. */
export interface ServedResource {
  readonly info: ResourceInfo;
  /** Storage keys begin with this. */
  readonly prefix: string;
  readonly strategy: Strategy;
  /** Set if the stored objects are of another version or group. Both return new objects. */
  readonly conversion?: Conversion;
  /** For Warning headers: this version will go. */
  readonly deprecation?: string;
  /** Aborted when the resource is served in another way from now on, or no more: its watches end. */
  readonly ended?: AbortSignal;
}

export interface Conversion {
  toServed(stored: KubeObject): KubeObject;
  toStored(served: KubeObject): KubeObject;
  /** Set if conversion takes a webhook: what the two functions above would do, for many objects at once. */
  convertAll?(objects: KubeObject[], to: 'served' | 'stored'): Promise<KubeObject[]>;
}

export function servedResource(info: ResourceInfo, strategy: Strategy, conversion?: Conversion): ServedResource {
  return { info, prefix: storagePrefix(info), strategy, ...(conversion ? { conversion } : {}) };
}
