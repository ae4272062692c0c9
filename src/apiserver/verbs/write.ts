import type { Call } from '../backend.ts';
import { writeQuery } from '../write-options.ts';

/** How one write is to be done. */
export interface Write {
  dryRun: boolean;
  fieldManager: string;
  /** In managedFields. */
  operation: 'Update' | 'Apply';
  warn(message: string): void;
}

export function writeOf(call: Call, optionsKind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'): Write {
  const { warnings } = call.request;
  return { ...writeQuery(call.request, optionsKind), operation: 'Update', warn: (message) => warnings.add(message) };
}
