import type { Scale } from '../../api/generated/autoscaling-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { JsonObject } from '../../api/patch/json-value.ts';
import { formatLabelSelector, selectorRequirements } from '../../api/selectors.ts';
import { type Cause, invalid, methodNotSupported } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import { checkKind, parseJson, readBodyValue } from '../body.ts';
import { mediaType } from '../http/media-type.ts';
import { renderObject } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { existing } from '../verbs/get.ts';
import { patcherOf } from '../verbs/patch.ts';
import { updateObject } from '../verbs/update-object.ts';
import { raiseGeneration, type UpdateRules } from '../verbs/update-rules.ts';
import { writeOf } from '../verbs/write.ts';

/** What all that can be scaled has in common. */
type Scalable = KubeObject & {
  spec?: { replicas?: number; selector?: LabelSelector | Record<string, string> };
  status?: { replicas?: number };
};

const scaleType = 'autoscaling/v1.Scale';

/** …/scale: how many replicas there are to be, and are, the same for every workload (registry/apps/…/storage ScaleREST). */
export async function scale(call: Call): Promise<ApiResponse> {
  const { verb } = call.request.info;
  if (verb === 'get') return render(call, existing(call).object);
  if (verb !== 'update' && verb !== 'patch') throw methodNotSupported(call.resource.info, verb);
  const next = verb === 'update' ? await replacement(call) : await patched(call);
  const write = writeOf(call, verb === 'update' ? 'UpdateOptions' : 'PatchOptions');
  const change = (current: KubeObject) => withReplicas(current, next(scaleOf(current)));
  const entry = await updateObject(call, scaleRules(call), change, write);
  return render(call, entry.object);
}

function render(call: Call, object: KubeObject): Promise<ApiResponse> {
  return renderObject(call, scaleOf(object));
}

async function replacement(call: Call): Promise<(current: Scale) => Scale> {
  const { value } = await readBodyValue(call.request);
  const body = checkKind(value, { apiVersion: 'autoscaling/v1', kind: 'Scale' }) as Scale;
  return () => body;
}

async function patched(call: Call): Promise<(current: Scale) => Scale> {
  const patcher = patcherOf(call, mediaType(call.request.headers['content-type'] ?? ''));
  const body = parseJson(Buffer.from(await call.request.body()).toString('utf8'));
  return (current) => patcher(scaleType, current as JsonObject, body) as Scale;
}

function scaleOf(object: KubeObject): Scale {
  const { spec, status, metadata } = object as Scalable;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = selectorText(spec?.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
    spec: spec?.replicas ? { replicas: spec.replicas } : {},
    status: { replicas: status?.replicas ?? 0, ...(selector ? { selector } : {}) },
  };
}

/** ReplicationControllers have a plain map, the others a LabelSelector. */
function selectorText(selector: LabelSelector | Record<string, string> = {}): string {
  const isPlain = !('matchLabels' in selector) && !('matchExpressions' in selector);
  const labels = isPlain ? { matchLabels: selector as Record<string, string> } : (selector as LabelSelector);
  return formatLabelSelector(selectorRequirements(labels));
}

function withReplicas(current: KubeObject, { spec, metadata }: Scale): KubeObject {
  const copy = structuredClone(current) as Scalable;
  copy.spec = { ...copy.spec, replicas: spec?.replicas ?? 0 };
  copy.metadata.resourceVersion = metadata?.resourceVersion ?? '';
  return copy;
}

function scaleRules({ resource }: Call): UpdateRules {
  return {
    subresource: 'scale',
    combine: (object, old) => raiseGeneration(resource.strategy, object, old),
    validate(object) {
      const replicas = (object as Scalable).spec?.replicas ?? 0;
      if (Number.isInteger(replicas) && replicas >= 0) return [];
      const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
      const cause: Cause = { reason: 'FieldValueInvalid', field: 'spec.replicas', message };
      throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [cause]);
    },
    warnings: () => [],
  };
}
