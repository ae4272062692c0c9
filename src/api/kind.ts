import type { KubeObject } from './object.ts';
import type { Cause } from './status-error.ts';

/**
 * What one kind adds to the generic implementation of every verb. Everything is optional: a kind without a file in
 * api/kinds/ is served by the facts table alone. All functions are synchronous and pure but for the object they are told to change.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** Name in the facts table: 'apps/v1.Deployment'. */
  type: string;
  /** Fills in defaults that the facts table does not have (pkg/apis/…/defaults.go). */
  defaults?(object: T): void;
  /** Field errors of an object to be created (pkg/apis/…/validation). Metadata is validated generically. */
  validate?(object: T): Cause[];
  /** Field errors of a change, immutable fields among them. `validate` is not called for updates: call it from here. */
  validateUpdate?(object: T, old: T): Cause[];
  /** Field errors of a change through /status. */
  validateStatusUpdate?(object: T, old: T): Cause[];
  /** Drops or sets what users may not choose at creation; status is dropped generically. */
  prepareForCreate?(object: T): void;
  /** A status that is created with the object stays. @default false */
  keepsCreatedStatus?: boolean;
  /** The same for updates; the generic code keeps old status and raises generation when spec changes. */
  prepareForUpdate?(object: T, old: T): void;
  /** Changes an object that is about to be deleted for the first time; `now` as objects spell it. */
  prepareForDelete?(object: T, now: string): void;
  prepareForStatusUpdate?(object: T, old: T): void;
  /** Field-selector paths beyond metadata.name and metadata.namespace. */
  selectableFields?: Record<string, (object: T) => string>;
  /** Warnings that clients are shown in Warning headers. */
  warnings?(object: T, old?: T): string[];
  /** Grace period of a delete, when the kind deletes gracefully (Pods). Undefined: at once. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** metadata.name: which rule it follows. @default subdomain */
  nameRule?: 'subdomain' | 'label' | 'label1035' | 'pathSegment' | 'ip';
  /** Whether `spec` changes raise metadata.generation and start it at 1. @default true if the type has spec and status */
  hasGeneration?: boolean;
}
