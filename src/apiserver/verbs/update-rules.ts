import type { KubeObject } from '../../api/object.ts';
import type { Cause } from '../../api/status-error.ts';
import type { Strategy } from '../strategy.ts';
import { sameObject } from './same-object.ts';

/** What an update through one door may change: the object itself, its status, or another part of it. */
export interface UpdateRules {
  /** '' for the object itself. */
  readonly subresource: string;
  /** Admission was asked already, about what was sent. */
  readonly isAdmitted?: boolean;
  /** Brings back from the old object what this door may not change. */
  combine(object: KubeObject, old: KubeObject): void;
  /** May also warn: of what was wrong before, and is let be. */
  validate(object: KubeObject, old: KubeObject, warn: (message: string) => void): Cause[];
  warnings(object: KubeObject, old: KubeObject): string[];
}

type Fields = Record<string, unknown>;

/** PUT and PATCH of the object: everything but its status; a new spec is a new generation. */
export function mainRules(strategy: Strategy): UpdateRules {
  return {
    subresource: '',
    combine(object, old) {
      if (strategy.hasStatus) copyField(object, old, 'status');
      strategy.kind.prepareForUpdate?.(object, old);
      raiseGeneration(strategy, object, old);
    },
    validate: (object, old, warn) => strategy.validateUpdate(object, old, warn),
    warnings: (object, old) => strategy.kind.warnings?.(object, old) ?? [],
  };
}

/** PUT and PATCH of /status: nothing but the status, and metadata as the kind allows. */
export function statusRules(strategy: Strategy): UpdateRules {
  return {
    subresource: 'status',
    combine(object, old) {
      for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
        if (field !== 'metadata' && field !== 'status') copyField(object, old, field);
      }
      strategy.kind.prepareForStatusUpdate?.(object, old);
    },
    validate: (object, old, warn) => strategy.validateStatusUpdate(object, old, warn),
    warnings: () => [],
  };
}

/** The field as the old object has it. */
export function copyField(object: object, old: object, field: string): void {
  const value = (old as Fields)[field];
  if (value === undefined) delete (object as Fields)[field];
  else (object as Fields)[field] = value;
}

export function raiseGeneration(strategy: Strategy, object: KubeObject, old: KubeObject): void {
  if (!strategy.hasGeneration || old.metadata.generation === undefined) return;
  const changed =
    strategy.isNewGeneration?.(object, old) ??
    !sameObject((object as unknown as Fields).spec, (old as unknown as Fields).spec);
  if (changed) {
    object.metadata.generation = old.metadata.generation + 1;
  }
}
