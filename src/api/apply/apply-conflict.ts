import type { ManagedFieldsEntry } from '../generated/meta-v1.ts';
import { StatusError } from '../status-error.ts';

export interface Conflict {
  entry: ManagedFieldsEntry;
  /** Such as '.spec.replicas'. */
  path: string;
}

/** 409 with every conflict as a cause (apimachinery managedfields/internal/conflict.go). */
export function applyConflict(conflicts: Conflict[]): StatusError {
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    message: conflictMessage(conflicts),
    details: {
      causes: conflicts.map(({ entry, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${managerText(entry)}`,
        field: path,
      })),
    },
  });
}

function conflictMessage(conflicts: Conflict[]): string {
  const [only] = conflicts;
  if (conflicts.length === 1 && only) {
    return `Apply failed with 1 conflict: conflict with ${managerText(only.entry)}: ${only.path}`;
  }
  const byManager = Map.groupBy(conflicts, ({ entry }) => identifier(entry));
  const lines: string[] = [];
  for (const key of [...byManager.keys()].sort()) {
    const group = byManager.get(key)!;
    lines.push(`conflicts with ${managerText(group[0]!.entry)}:`, ...group.map(({ path }) => `- ${path}`));
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/** The key by which the server sorts managers: an entry without time and fields. */
function identifier({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const version = operation === 'Apply' ? undefined : apiVersion;
  return JSON.stringify({ manager, operation, apiVersion: version, subresource });
}

function managerText({ manager = '', operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
