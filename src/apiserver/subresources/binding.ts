import type { Binding, Pod } from '../../api/generated/core-v1.ts';
import type { KubeObject, StatusObject } from '../../api/object.ts';
import { pods } from '../../api/resource.ts';
import { badRequest, conflict, invalid } from '../../api/status-error.ts';
import { formatTime } from '../../api/time.ts';
import type { Call } from '../backend.ts';
import { checkKind, readBodyValue } from '../body.ts';
import { renderObject } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { updateObject } from '../verbs/update-object.ts';
import type { UpdateRules } from '../verbs/update-rules.ts';
import { type Write, writeOf } from '../verbs/write.ts';
import { admitPart } from './admit-part.ts';

/** POST pods/NAME/binding: the scheduler gives a Pod its node (pkg/registry/core/pod/storage/storage.go BindingREST). */
export async function binding(call: Call): Promise<ApiResponse> {
  const write = writeOf(call, 'CreateOptions');
  const body = await readBinding(call);
  const named = call.request.info.name;
  const { name } = body.metadata;
  if (named && name && named !== name) throw badRequest('name in URL does not match name in Binding object');
  await admitPart(call, 'CREATE', 'binding', body, { name: named || name, dryRun: write.dryRun });
  return bind(call, named || name, body, write);
}

/** POST bindings: the same, the Pod named in the body alone. */
export async function createBinding(call: Call): Promise<ApiResponse> {
  const resource = call.backend.served(pods)!;
  return binding({ ...call, resource });
}

async function bind(call: Call, name: string, body: Binding, write: Write): Promise<ApiResponse> {
  const info = { ...call.request.info, name };
  const onPod: Call = { ...call, request: { ...call.request, info } };
  await updateObject(onPod, rules, (pod) => assigned(call, pod as Pod, body), write);
  const status: StatusObject = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return renderObject({ ...call, accepted: { ...call.accepted, as: undefined } }, status, 201);
}

async function readBinding(call: Call): Promise<Binding> {
  const { value } = await readBodyValue(call.request);
  const body = checkKind(value, { apiVersion: 'v1', kind: 'Binding' }) as Binding;
  const { kind, name } = body.target ?? {};
  const refuse = (reason: string, field: string, message: string) =>
    invalid({ group: '', kind: 'Binding' }, body.metadata?.name ?? '', [{ reason, field, message }]);
  if (kind && kind !== 'Node') {
    throw refuse(
      'FieldValueNotSupported',
      'target.kind',
      `Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`,
    );
  }
  if (!name) throw refuse('FieldValueRequired', 'target.name', 'Required value');
  return { ...body, metadata: body.metadata ?? {} };
}

function assigned(call: Call, pod: Pod, { target, metadata }: Binding): Pod {
  const refuse = (why: string) => conflict({ group: '', resource: 'pods/binding' }, pod.metadata.name, why);
  if (metadata.uid && metadata.uid !== pod.metadata.uid) {
    throw refuse(`Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`);
  }
  if (pod.metadata.deletionTimestamp)
    throw refuse(`pod ${pod.metadata.name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName) throw refuse(`pod ${pod.metadata.name} is already assigned to node "${pod.spec.nodeName}"`);
  if (pod.spec?.schedulingGates?.length) {
    throw refuse(`pod ${pod.metadata.name} has non-empty .spec.schedulingGates`);
  }
  const annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  const labels = { ...pod.metadata.labels, ...metadata.labels };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      resourceVersion: '',
    },
    spec: { ...pod.spec!, nodeName: target.name! },
    status: { ...pod.status, conditions: withScheduled(pod, formatTime(new Date(call.backend.clock.now()))) },
  };
}

function withScheduled(pod: Pod, now: string) {
  const conditions = pod.status?.conditions ?? [];
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: now, ...observed(pod) };
  return [...conditions.filter((condition) => condition.type !== 'PodScheduled'), scheduled];
}

/** KEP-5067: the generation that the condition is about. */
const observed = (pod: Pod) => (pod.metadata.generation ? { observedGeneration: pod.metadata.generation } : {});

/** Nothing to validate: only the server itself chose what changes. */
const rules: UpdateRules = {
  subresource: 'binding',
  // About the Binding, not about the Pod.
  isAdmitted: true,
  combine: (_object: KubeObject, _old: KubeObject) => {},
  validate: () => [],
  warnings: () => [],
};
