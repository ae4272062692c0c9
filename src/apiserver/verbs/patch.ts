import { isTooDeep, maxDepth } from '../../api/depth.ts';
import type { KubeObject } from '../../api/object.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import type { JsonObject } from '../../api/patch/json-value.ts';
import { applyMergePatch } from '../../api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts';
import { badRequest, invalid } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import { parsePatch } from '../body.ts';
import { mediaType, unsupportedMediaType } from '../http/media-type.ts';
import { renderEntry } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { apply } from './apply.ts';
import { decodeValue } from './create.ts';
import { checkName } from './update.ts';
import { updateObject } from './update-object.ts';
import { mainRules, type UpdateRules } from './update-rules.ts';
import { writeOf } from './write.ts';

type Patcher = (type: string, object: JsonObject, body: unknown) => JsonObject;

const patchers: Record<string, Patcher> = {
  'application/json-patch+json': (_type, object, body) => applyJsonPatch(object, body),
  'application/merge-patch+json': (_type, object, body) => applyMergePatch(object, body),
  'application/strategic-merge-patch+json': applyStrategicMergePatch,
};

/** PATCH of one object, in one of the four ways that its Content-Type names. */
export async function patch(call: Call, rules: UpdateRules = mainRules(call.resource.strategy)): Promise<ApiResponse> {
  const type = mediaType(call.request.headers['content-type'] ?? '');
  if (type === 'application/apply-patch+yaml') return apply(call, rules);
  const patcher = patcherOf(call, type);
  refuseForce(call);
  const write = writeOf(call, 'PatchOptions');
  const body = parsePatch(Buffer.from(await call.request.body()).toString('utf8'));
  const change = (current: KubeObject) => {
    const patched = patcher(call.resource.info.type, current as unknown as JsonObject, body);
    // Patches upon patches go deeper than any of them.
    if (isTooDeep(patched)) throw badRequest(`the patched object exceeds the max depth of ${maxDepth}`);
    const object = decodeValue(call, patched);
    checkName(call, object);
    return object;
  };
  return renderEntry(call, await updateObject(call, rules, change, write));
}

/** How patches of this Content-Type are applied, or 415. */
export function patcherOf(call: Call, type: string): Patcher {
  const known = supported(call);
  const patcher = known[type];
  if (!patcher) throw unsupportedMediaType([...Object.keys(known), 'application/apply-patch+yaml']);
  return patcher;
}

/** Custom resources know no strategic merge: their lists have no merge keys. */
function supported(call: Call): Record<string, Patcher> {
  if (call.resource.strategy.mergePatch === 'strategic') return patchers;
  const { 'application/strategic-merge-patch+json': _strategic, ...others } = patchers;
  return others;
}

/** Only an apply can take over fields (apimachinery pkg/apis/meta/v1/validation ValidatePatchOptions). */
function refuseForce({ request }: Call): void {
  if (!request.query.has('force')) return;
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    { reason: 'FieldValueForbidden', field: 'force', message: 'Forbidden: may not be specified for non-apply patch' },
  ]);
}
