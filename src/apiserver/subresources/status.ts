import { methodNotSupported } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import type { ApiResponse } from '../request.ts';
import { get } from '../verbs/get.ts';
import { patch } from '../verbs/patch.ts';
import { update } from '../verbs/update.ts';
import { statusRules } from '../verbs/update-rules.ts';

/** …/status: the whole object is read, only its status is written. */
export async function status(call: Call): Promise<ApiResponse> {
  const { verb } = call.request.info;
  const rules = statusRules(call.resource.strategy);
  if (verb === 'get') return get(call);
  if (verb === 'update') return update(call, rules);
  if (verb === 'patch') return patch(call, rules);
  throw methodNotSupported(call.resource.info, verb);
}
