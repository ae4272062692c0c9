import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import { conditionCauses } from '../../api/kinds/certificate-signing-request.ts';
import type { KubeObject } from '../../api/object.ts';
import { equalJson } from '../../api/patch/json-value.ts';
import { type Cause, methodNotSupported } from '../../api/status-error.ts';
import { forbiddenField } from '../../api/validation/field-error.ts';
import { validateMetadataUpdate } from '../../api/validation/metadata.ts';
import type { Call } from '../backend.ts';
import type { ApiResponse } from '../request.ts';
import type { VerbHandler } from '../router.ts';
import { get } from '../verbs/get.ts';
import { patch } from '../verbs/patch.ts';
import { update } from '../verbs/update.ts';
import { copyField, raiseGeneration, type UpdateRules } from '../verbs/update-rules.ts';

/** PUT namespaces/NAME/finalize: the one way to change spec.finalizers. */
export const finalize = partOf((_call) => ({
  ...quiet,
  subresource: 'finalize',
  combine(object, old) {
    const finalizers = (object as Namespace).spec?.finalizers;
    restore(object, old);
    (object as Namespace).spec = { ...(old as Namespace).spec, finalizers: finalizers ?? [] };
  },
}));

/** pods/NAME/ephemeralcontainers: adds debug containers to a running Pod (KEP-277). */
export const ephemeralContainers = partOf(({ resource }) => ({
  ...quiet,
  subresource: 'ephemeralcontainers',
  combine(object, old) {
    const added = (object as Pod).spec?.ephemeralContainers;
    restore(object, old);
    (object as Pod).spec = { ...(old as Pod).spec!, ...(added ? { ephemeralContainers: added } : {}) };
    raiseGeneration(resource.strategy, object, old);
  },
  validate(object, old) {
    return [...validateMetadataUpdate(object.metadata, old.metadata), ...ephemeralCauses(object as Pod, old as Pod)];
  },
}));

/** pods/NAME/resize: changes resources of running containers (KEP-1287). */
export const resize = partOf(({ resource }) => ({
  ...quiet,
  subresource: 'resize',
  combine(object, old) {
    const asked = (object as Pod).spec;
    restore(object, old);
    const before = (old as Pod).spec!;
    const sized = (containers: typeof before.containers, from: typeof before.containers | undefined) =>
      containers.map((container) => {
        const wanted = from?.find(({ name }) => name === container.name);
        if (!wanted) return container;
        const { resources, resizePolicy } = wanted;
        return { ...container, ...(resources ? { resources } : {}), ...(resizePolicy ? { resizePolicy } : {}) };
      });
    (object as Pod).spec = {
      ...before,
      ...(asked?.resources ? { resources: asked.resources } : {}),
      containers: sized(before.containers, asked?.containers),
      ...(before.initContainers ? { initContainers: sized(before.initContainers, asked?.initContainers) } : {}),
    };
    raiseGeneration(resource.strategy, object, old);
  },
  validate: (object, old) => validateMetadataUpdate(object.metadata, old.metadata),
}));

/** certificatesigningrequests/NAME/approval: sets the conditions Approved and Denied, nothing else. */
export const approval = partOf(() => ({
  ...quiet,
  subresource: 'approval',
  combine(object, old) {
    const conditions = (object as CertificateSigningRequest).status?.conditions;
    restore(object, old);
    const before = (old as CertificateSigningRequest).status;
    (object as CertificateSigningRequest).status = { ...before, ...(conditions ? { conditions } : {}) };
  },
  validate: (object, old) => conditionCauses(object as CertificateSigningRequest, old as CertificateSigningRequest),
}));

const quiet = { validate: (_object: KubeObject, _old: KubeObject): Cause[] => [], warnings: () => [] };

/** A subresource that shows the whole object and writes a part of it. */
function partOf(rulesFor: (call: Call) => UpdateRules): VerbHandler {
  return (call): Promise<ApiResponse> => {
    const { verb } = call.request.info;
    if (verb === 'get') return get(call);
    if (verb === 'update') return update(call, rulesFor(call));
    if (verb === 'patch') return patch(call, rulesFor(call));
    throw methodNotSupported(call.resource.info, verb);
  };
}

/** Everything but metadata as the old object has it. */
function restore(object: KubeObject, old: KubeObject): void {
  for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (field !== 'metadata') copyField(object, old, field);
  }
}

/** ValidatePodEphemeralContainersUpdate: what is there stays as it is. */
function ephemeralCauses(pod: Pod, old: Pod): Cause[] {
  const now = new Map((pod.spec?.ephemeralContainers ?? []).map((container) => [container.name, container]));
  const causes: Cause[] = [];
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const after = now.get(before.name);
    const refuse = (what: string) =>
      forbiddenField('spec.ephemeralContainers', `existing ephemeral containers "${before.name}" may not be ${what}`);
    if (!after) causes.push(refuse('removed'));
    else if (!equalJson(after, before)) causes.push(refuse('changed'));
  }
  return causes;
}
