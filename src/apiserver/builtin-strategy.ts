import { factsSchema } from '../api/apply/facts-schema.ts';
import { columnsFor } from '../api/columns/columns.ts';
import { decodeObject, undecodable, zeroValue } from '../api/decode.ts';
import { applyDefaults } from '../api/defaults.ts';
import { typeFacts } from '../api/facts.ts';
import type { Kind } from '../api/kind.ts';
import { kindOf } from '../api/kinds/all.ts';
import type { KubeObject } from '../api/object.ts';
import type { ResourceInfo } from '../api/resource.ts';
import { validateCreate, validateStatusUpdate, validateUpdate } from '../api/validation/validate.ts';
import type { Strategy } from './strategy.ts';

/** Events vanish after an hour (kube-apiserver --event-ttl). */
const eventTtlSeconds = 3600;

const named = (...names: string[]): ReadonlySet<string> => new Set(names);

/** AllowCreateOnUpdate of kubernetes pkg/registry/…/strategy.go, by plural and group. */
const createdOnUpdate = named(
  'endpoints',
  'events',
  'events.events.k8s.io',
  'limitranges',
  'services',
  'leases.coordination.k8s.io',
  'runtimeclasses.node.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
);

/** AllowUnconditionalUpdate is false: a PUT must carry a resourceVersion. */
const conditional = named(
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
  'leases.coordination.k8s.io',
  'runtimeclasses.node.k8s.io',
  'poddisruptionbudgets.policy',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
);

/** ReturnDeletedObject of pkg/registry/…/storage.go. */
const deletedReturned = named(
  'namespaces',
  'persistentvolumeclaims',
  'persistentvolumes',
  'pods',
  'podtemplates',
  'resourcequotas',
  'serviceaccounts',
  'services',
  'deviceclasses.resource.k8s.io',
  'resourceclaims.resource.k8s.io',
  'resourceclaimtemplates.resource.k8s.io',
  'resourceslices.resource.k8s.io',
  'csidrivers.storage.k8s.io',
  'csinodes.storage.k8s.io',
  'storageclasses.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  'volumeattributesclasses.storage.k8s.io',
);

/** DefaultGarbageCollectionPolicy is OrphanDependents, for the sake of old clients. */
const orphaning = named('replicationcontrollers', 'jobs.batch');

/** How a built-in kind is served: by the facts table, and by what its file in api/kinds adds. */
export function builtinStrategy(info: ResourceInfo): Strategy {
  const name = info.group ? `${info.resource}.${info.group}` : info.resource;
  const { type } = info;
  const fields = typeFacts(type)?.fields;
  const hasStatus = Boolean(fields?.has('status')) && 'status' in info.subresources;
  const kind: Kind = kindOf(type) ?? { type };
  return {
    decode(value, fieldValidation, duplicates) {
      const { object, warnings, errors } = decodeObject(type, value, {
        fieldValidation,
        ...(duplicates ? { duplicates } : {}),
      });
      if (errors.length > 0) throw undecodable(info, errors);
      return { object, warnings };
    },
    defaults: (object) => void applyDefaults(type, object),
    resetStatus(object) {
      const { status } = zeroValue(type);
      if (status === undefined) delete (object as WithStatus).status;
      else (object as WithStatus).status = status;
    },
    validateCreate: (object) => validateCreate(type, object),
    validateUpdate: (object, old) => validateUpdate(type, object, old),
    validateStatusUpdate: (object, old) => validateStatusUpdate(type, object, old),
    get schema() {
      return factsSchema(type);
    },
    get columns() {
      return columnsFor(type);
    },
    kind,
    hasStatus,
    hasGeneration: kind.hasGeneration ?? (Boolean(fields?.has('spec')) && Boolean(fields?.has('status'))),
    unconditionalUpdate: !conditional.has(name),
    createOnUpdate: createdOnUpdate.has(name),
    returnsDeleted: deletedReturned.has(name),
    ttlSeconds: info.resource === 'events' ? eventTtlSeconds : undefined,
    orphansByDefault: orphaning.has(name),
    mergePatch: 'strategic',
  };
}

type WithStatus = KubeObject & { status?: unknown };
