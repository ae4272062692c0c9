import type { DeleteOptions } from '../../api/generated/meta-v1.ts';
import { badRequest, type Cause, invalid } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import { readBodyValue } from '../body.ts';
import { dryRunCauses } from '../write-options.ts';

const policies = ['Foreground', 'Background', 'Orphan'];

/** DeleteOptions from the body; without one from the query (apiserver pkg/endpoints/handlers/delete.go). */
export async function readDeleteOptions(call: Call): Promise<DeleteOptions> {
  const body = await call.request.body();
  const options = body.length > 0 ? await fromBody(call) : fromQuery(call.request.query);
  const causes = validate(options);
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes);
  return options;
}

async function fromBody(call: Call): Promise<DeleteOptions> {
  const { value } = await readBodyValue(call.request);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('the body of a delete must be DeleteOptions');
  }
  const options = value as DeleteOptions;
  if (options.kind && options.kind !== 'DeleteOptions') {
    throw badRequest(`decoded object cannot be converted to DeleteOptions`);
  }
  return options;
}

function fromQuery(query: URLSearchParams): DeleteOptions {
  const options: DeleteOptions = {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null) {
    if (!/^-?\d+$/.test(grace)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
    options.gracePeriodSeconds = Number(grace);
  }
  const policy = query.get('propagationPolicy');
  if (policy) options.propagationPolicy = policy;
  const orphan = query.get('orphanDependents');
  if (orphan) options.orphanDependents = orphan === 'true' || orphan === '1';
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options.dryRun = dryRun;
  return options;
}

/** apimachinery pkg/apis/meta/v1/validation ValidateDeleteOptions. */
function validate(options: DeleteOptions): Cause[] {
  const { propagationPolicy, orphanDependents, dryRun } = options;
  const causes: Cause[] = [];
  if (propagationPolicy && orphanDependents !== undefined) {
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'propagationPolicy',
      message: `Invalid value: ${JSON.stringify(propagationPolicy)}: orphanDependents and deletionPropagation cannot be both set`,
    });
  }
  if (propagationPolicy && !policies.includes(propagationPolicy)) {
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      message: `Unsupported value: ${JSON.stringify(propagationPolicy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    });
  }
  return [...causes, ...dryRunCauses(dryRun ?? [])];
}
