import { type Cause, invalid } from '../api/status-error.ts';
import type { ServerRequest } from './http/exchange.ts';

/** What the query of every write may say (metav1 CreateOptions, UpdateOptions, PatchOptions). */
export interface WriteQuery {
  dryRun: boolean;
  /** Who owns the fields that this request sets. */
  fieldManager: string;
}

/** Longest name of a field manager (apimachinery pkg/apis/meta/v1/validation FieldManagerMaxLength). */
const maxManagerLength = 128;

export function writeQuery(request: ServerRequest, optionsKind: string): WriteQuery {
  const given = request.query.get('fieldManager') ?? '';
  const causes = [...dryRunCauses(request.query.getAll('dryRun')), ...managerCauses(given)];
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: optionsKind }, '', causes);
  return { dryRun: request.query.has('dryRun'), fieldManager: given || managerOf(request.headers['user-agent']) };
}

export function dryRunCauses(values: string[]): Cause[] {
  return values
    .filter((value) => value !== 'All')
    .map(() => ({
      reason: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: ${goStrings(values)}: supported values: "All"`,
    }))
    .slice(0, 1);
}

function managerCauses(name: string): Cause[] {
  if (name.length <= maxManagerLength) return [];
  return [
    {
      reason: 'FieldValueTooLong',
      field: 'fieldManager',
      message: `Too long: may not be more than ${maxManagerLength} bytes`,
    },
  ];
}

/** 'kubectl/v1.36 (linux)' is 'kubectl' (apiserver pkg/endpoints/handlers/create.go prefixFromUserAgent). */
function managerOf(userAgent: string | undefined): string {
  const prefix = (userAgent ?? '').split('/', 1)[0]!;
  return (
    Buffer.from(prefix)
      .subarray(0, maxManagerLength)
      .toString()
      .replace(/[^\x20-\x7e]/g, '') || 'unknown'
  );
}

const goStrings = (values: string[]) => `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
