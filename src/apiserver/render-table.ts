import type { KubeObject, ListMetadata } from '../api/object.ts';
import type { Call } from './backend.ts';

/** A meta.k8s.io Table: what `kubectl get` prints (apiserver pkg/registry/rest/table.go). */
export function tableOf(
  { accepted, request }: Pick<Call, 'accepted' | 'resource' | 'request'>,
  objects: KubeObject[],
  metadata: ListMetadata,
): object {
  const include = request.query.get('includeObject') ?? 'Metadata';
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${accepted.asVersion}`,
    metadata,
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Created At', type: 'date', format: '', description: '', priority: 0 },
    ],
    rows: objects.map((object) => ({
      cells: [object.metadata.name, object.metadata.creationTimestamp],
      ...includedObject(object, include, accepted.asVersion),
    })),
  };
}

function includedObject(object: KubeObject, include: string, version: string): { object?: object } {
  if (include === 'None') return {};
  if (include === 'Object') return { object };
  const { metadata } = object;
  return { object: { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata } };
}
