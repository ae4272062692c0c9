import type { Scale } from '../../api/generated/autoscaling-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { JsonObject } from '../../api/patch/json-value.ts';
import { apiVersionOf } from '../../api/resource.ts';
import { formatLabelSelector, selectorRequirements } from '../../api/selectors.ts';
import { type Cause, invalid, methodNotSupported } from '../../api/status-error.ts';
import { compileJsonPath } from '../../api/structural/json-path.ts';
import type { Call } from '../backend.ts';
import { checkKind, parseJson, readBodyValue } from '../body.ts';
import { mediaType } from '../http/media-type.ts';
import { renderObject } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import type { CacheEntry } from '../storage/cache-entry.ts';
import { applyScale } from '../verbs/apply.ts';
import { existing } from '../verbs/get.ts';
import { patcherOf } from '../verbs/patch.ts';
import { updateObject } from '../verbs/update-object.ts';
import { raiseGeneration, type UpdateRules } from '../verbs/update-rules.ts';
import { writeOf } from '../verbs/write.ts';
import { prepareViews, viewOf } from '../views.ts';

/** What all that can be scaled has in common. */
type Scalable = KubeObject & {
  spec?: { replicas?: number; selector?: LabelSelector | Record<string, string> };
  status?: { replicas?: number };
};

const scaleType = 'autoscaling/v1.Scale';

/** …/scale: how many replicas there are to be, and are, the same for every workload (registry/apps/…/storage ScaleREST). */
export async function scale(call: Call): Promise<ApiResponse> {
  const { verb } = call.request.info;
  if (verb === 'get') return render(call, existing(call));
  if (verb !== 'update' && verb !== 'patch') throw methodNotSupported(call.resource.info, verb);
  if (mediaType(call.request.headers['content-type'] ?? '') === 'application/apply-patch+yaml') {
    const entry = await applyScale(call, scaleRules(call), (asked) => configurationOf(call, asked as unknown as Scale));
    return render(call, entry);
  }
  const next = verb === 'update' ? await replacement(call) : await patched(call);
  const write = writeOf(call, verb === 'update' ? 'UpdateOptions' : 'PatchOptions');
  const paths = pathsOf(call);
  const change = (current: KubeObject) => withReplicas(current, next(scaleOf(current, paths)), paths);
  const entry = await updateObject(call, scaleRules(call), change, write);
  return render(call, entry);
}

async function render(call: Call, entry: CacheEntry): Promise<ApiResponse> {
  await prepareViews([entry], call.resource);
  return renderObject(call, scaleOf(viewOf(entry, call.resource).object, pathsOf(call)));
}

/** Where a custom resource keeps its numbers. */
interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

function pathsOf({ resource }: Call): ScalePaths | undefined {
  return (resource.info.subresources.scale as { paths?: ScalePaths } | undefined)?.paths;
}

/** The part of the object that an applied Scale is about. */
function configurationOf(call: Call, { metadata, spec }: Scale): JsonObject {
  const { info } = call.resource;
  const { name, namespace } = call.request.info;
  const { resourceVersion } = metadata ?? {};
  const configuration = {
    apiVersion: apiVersionOf(info),
    kind: info.kind,
    metadata: { name, ...(namespace ? { namespace } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
  };
  const path = pathsOf(call)?.specReplicasPath ?? '.spec.replicas';
  if (spec?.replicas !== undefined) setAt(configuration, path, spec.replicas);
  return configuration;
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

function scaleOf(object: KubeObject, paths: ScalePaths | undefined): Scale {
  if (paths) return customScaleOf(object, paths);
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

function customScaleOf(object: KubeObject, paths: ScalePaths): Scale {
  const at = (path: string | undefined) => (path ? compileJsonPath(path)(object)[0] : undefined);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = at(paths.specReplicasPath);
  const selector = at(paths.labelSelectorPath);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
    spec: typeof replicas === 'number' && replicas !== 0 ? { replicas } : {},
    status: {
      replicas: Number(at(paths.statusReplicasPath) ?? 0),
      ...(typeof selector === 'string' && selector ? { selector } : {}),
    },
  };
}

/** Sets the value at a path of names, making what is missing on the way. */
function setAt(object: object, path: string, value: unknown): void {
  const names = path.split('.').filter(Boolean);
  const last = names.pop()!;
  let parent = object as Record<string, unknown>;
  for (const name of names) {
    parent[name] ??= {};
    parent = parent[name] as Record<string, unknown>;
  }
  parent[last] = value;
}

function withReplicas(current: KubeObject, { spec, metadata }: Scale, paths: ScalePaths | undefined): KubeObject {
  const copy = structuredClone(current) as Scalable;
  if (paths) {
    setAt(copy, paths.specReplicasPath, spec?.replicas ?? 0);
    copy.metadata.resourceVersion = metadata?.resourceVersion ?? '';
    return copy;
  }
  copy.spec = { ...copy.spec, replicas: spec?.replicas ?? 0 };
  copy.metadata.resourceVersion = metadata?.resourceVersion ?? '';
  return copy;
}

function scaleRules({ resource }: Call): UpdateRules {
  return {
    subresource: 'scale',
    combine: (object, old) => raiseGeneration(resource.strategy, object, old),
    validate(object) {
      const paths = (resource.info.subresources.scale as { paths?: ScalePaths } | undefined)?.paths;
      const replicas = scaleOf(object, paths).spec?.replicas ?? 0;
      if (Number.isInteger(replicas) && replicas >= 0) return [];
      const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
      const cause: Cause = { reason: 'FieldValueInvalid', field: 'spec.replicas', message };
      throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [cause]);
    },
    warnings: () => [],
  };
}
