import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { storageClasses } from '../../api/resource.ts';
import type { AdmissionPlugin, ObjectReader } from '../request.ts';
import { isResource, refuse } from './refuse.ts';

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const oldClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** A claim that names no class gets the default one (plugin/pkg/admission/storage/storageclass/setdefault). */
export function defaultStorageClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (attributes) => isResource(attributes, '', 'persistentvolumeclaims') && attributes.operation === 'CREATE',
    async admit({ object }) {
      const { spec, metadata } = object as PersistentVolumeClaim;
      if (!spec || spec.storageClassName !== undefined || metadata.annotations?.[oldClassAnnotation] !== undefined)
        return;
      const newest = reader
        .list(storageClasses)
        .filter(({ metadata: { annotations } }) => defaultAnnotations.some((key) => annotations?.[key] === 'true'))
        .sort(newestFirst)[0];
      if (newest) spec.storageClassName = newest.metadata.name;
    },
  };
}

/** Of two defaults the newer one holds. */
export function newestFirst(a: KubeObject, b: KubeObject): number {
  const [one, other] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (one !== other) return one > other ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

const finalizers: Record<string, string> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
};

/** Claims and volumes stay until nobody uses them (plugin/pkg/admission/storage/storageobjectinuseprotection). */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: ({ resource, subresource, operation }) =>
    operation === 'CREATE' && resource.group === '' && subresource === '' && resource.resource in finalizers,
  async admit({ object, resource }) {
    const finalizer = finalizers[resource.resource]!;
    const present = object?.metadata.finalizers ?? [];
    if (object && !present.includes(finalizer)) object.metadata.finalizers = [...present, finalizer];
  },
};

/** Only claims of a class that can grow may grow (plugin/pkg/admission/storage/persistentvolume/resize). */
export function persistentVolumeClaimResize(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: (attributes) => isResource(attributes, '', 'persistentvolumeclaims') && attributes.operation === 'UPDATE',
    async validate(attributes) {
      const wanted = (attributes.object as PersistentVolumeClaim).spec;
      const old = attributes.oldObject as PersistentVolumeClaim;
      const size = wanted?.resources?.requests?.storage;
      const oldSize = old.spec?.resources?.requests?.storage;
      if (!size || !oldSize || compareQuantities(size, oldSize) <= 0) return;
      if (old.status?.phase !== 'Bound')
        throw refuse(attributes, 'Only bound persistent volume claims can be expanded');
      const name = old.metadata.annotations?.[oldClassAnnotation] ?? old.spec?.storageClassName ?? '';
      if (!name || !reader.get(storageClasses, '', name)?.allowVolumeExpansion) {
        throw refuse(
          attributes,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
      }
    },
  };
}
