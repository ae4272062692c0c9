import { Buffer } from 'node:buffer';
import { goQuote } from '../go-json.ts';
import type { Kind } from '../kind.ts';
import {
  canonicalIp,
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  maskTrailingDash,
  pathSegmentName,
  qualifiedName,
  validLabelValue,
} from '../names.ts';
import type { ObjectMeta } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, immutable, invalidEach, invalidValue, required, tooLong } from './field-error.ts';

export type NameRule = NonNullable<Kind['nameRule']>;

const nameRules: Record<NameRule, (name: string) => string[]> = {
  subdomain: dns1123Subdomain,
  label: dns1123Label,
  label1035: dns1035Label,
  pathSegment: pathSegmentName,
  ip: canonicalIp,
};

/** Metadata of an object to be created (apimachinery pkg/api/validation/objectmeta.go ValidateObjectMeta). */
export function validateMetadata(metadata: ObjectMeta, namespaced: boolean, rule: NameRule = 'subdomain'): Cause[] {
  const errors: Cause[] = [];
  const check = nameRules[rule];
  const { generateName, name, namespace, generation } = metadata;
  if (generateName) {
    const masked = rule === 'pathSegment' ? generateName : maskTrailingDash(generateName);
    errors.push(...invalidEach('metadata.generateName', generateName, check(masked)));
  }
  if (!name) errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...invalidEach('metadata.name', name, check(name)));
  if (namespaced) {
    if (!namespace) errors.push(required('metadata.namespace'));
    else errors.push(...invalidEach('metadata.namespace', namespace, dns1123Label(namespace)));
  } else if (namespace) errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'));
  if (generation !== undefined && generation < 0)
    errors.push(invalidValue('metadata.generation', generation, 'must be greater than or equal to 0'));
  errors.push(...validateCommonMetadata(metadata));
  return errors;
}

/** Metadata of a changed object (ValidateObjectMetaUpdate). */
export function validateMetadataUpdate(metadata: ObjectMeta, old: ObjectMeta): Cause[] {
  const errors: Cause[] = [];
  if (old.deletionTimestamp) {
    const added = (metadata.finalizers ?? []).filter((name) => !old.finalizers?.includes(name)).sort();
    if (added.length)
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(goQuote).join(', ')}}`,
        ),
      );
  }
  if (!metadata.resourceVersion)
    errors.push(invalidValue('metadata.resourceVersion', '', 'must be specified for an update'));
  if ((metadata.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalidValue('metadata.generation', metadata.generation ?? 0, 'must not be decremented'));
  for (const field of immutableFields)
    if (metadata[field] !== old[field])
      errors.push(...immutable(`metadata.${field}`, metadata[field] ?? zeroOf(field), old[field] ?? zeroOf(field)));
  errors.push(...validateCommonMetadata(metadata));
  return errors;
}

/** Labels as they occur in metadata, selectors and node selectors. */
export function validateLabels(labels: Record<string, string> | undefined, path: string): Cause[] {
  const errors: Cause[] = [];
  for (const key in labels) {
    const value = labels[key] as string;
    errors.push(...invalidEach(path, key, qualifiedName(key)), ...invalidEach(path, value, validLabelValue(value)));
  }
  return errors;
}

export function validateLabelName(key: string, path: string): Cause[] {
  return invalidEach(path, key, qualifiedName(key));
}

export function validateAnnotations(annotations: Record<string, string> | undefined, path: string): Cause[] {
  const errors: Cause[] = [];
  let bytes = 0;
  for (const key in annotations) {
    errors.push(...invalidEach(path, key, qualifiedName(key.toLowerCase())));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] as string);
  }
  if (bytes > totalAnnotationBytes) errors.push(tooLong(path, totalAnnotationBytes));
  return errors;
}

const totalAnnotationBytes = 256 * 1024;
const immutableFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What an absent field is called: an empty text for Go strings, null for pointers. */
function zeroOf(field: (typeof immutableFields)[number]): unknown {
  return field === 'name' || field === 'namespace' || field === 'uid' ? '' : null;
}

function validateCommonMetadata(metadata: ObjectMeta): Cause[] {
  const { labels, annotations, ownerReferences, finalizers } = metadata;
  const errors: Cause[] = [];
  if (labels) errors.push(...validateLabels(labels, 'metadata.labels'));
  if (annotations) errors.push(...validateAnnotations(annotations, 'metadata.annotations'));
  if (ownerReferences) errors.push(...validateOwnerReferences(ownerReferences));
  if (finalizers) errors.push(...validateFinalizers(finalizers));
  return errors;
}

function validateOwnerReferences(references: NonNullable<ObjectMeta['ownerReferences']>): Cause[] {
  const path = 'metadata.ownerReferences';
  const errors: Cause[] = [];
  let controller = '';
  for (const reference of references) {
    if (!reference.apiVersion)
      errors.push(invalidValue(`${path}.apiVersion`, reference.apiVersion ?? '', 'version must not be empty'));
    for (const field of ['kind', 'name', 'uid'] as const)
      if (!reference[field]) errors.push(invalidValue(`${path}.${field}`, '', 'must not be empty'));
    if (reference.apiVersion === 'v1' && reference.kind === 'Event')
      errors.push(invalidValue(path, reference, '/v1, Kind=Event is disallowed from being an owner'));
    if (!reference.controller) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller)
      errors.push(
        invalidValue(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    else controller = name;
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[]): Cause[] {
  const path = 'metadata.finalizers';
  const errors: Cause[] = [];
  for (const finalizer of finalizers) errors.push(...invalidEach(path, finalizer, qualifiedName(finalizer)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  return errors;
}

/** Names without a domain are Kubernetes' own: a rule of its own kinds only (pkg/apis/core/validation validateKubeFinalizerName). */
export function validateKubeFinalizers({ finalizers = [] }: ObjectMeta): Cause[] {
  const message = 'name is neither a standard finalizer name nor is it fully qualified';
  return finalizers.flatMap((finalizer, i) =>
    finalizer.includes('/') || standardFinalizers.has(finalizer)
      ? []
      : [invalidValue(`metadata.finalizers[${i}]`, finalizer, message)],
  );
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
