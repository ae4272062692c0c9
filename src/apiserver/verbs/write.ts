import type { Call } from '../backend.ts';
import { writeQuery } from '../write-options.ts';

/** How one write is to be done. */
export interface Write {
  dryRun: boolean;
  fieldManager: string;
  /** In managedFields. */
  operation: 'Update' | 'Apply';
  warn(message: string): void;
  /** Of the audit event. */
  annotate(key: string, value: string): void;
}

export function writeOf(call: Call, optionsKind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'): Write {
  const { warnings, auditAnnotations } = call.request;
  return {
    ...writeQuery(call.request, optionsKind),
    operation: 'Update',
    warn: (message) => warnings.add(message),
    annotate: (key, value) => auditAnnotations.set(key, value),
  };
}
