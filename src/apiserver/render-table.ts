import type { KubeObject, ListMetadata } from '../api/object.ts';
import { badRequest } from '../api/status-error.ts';
import type { Call } from './backend.ts';
import type { Strategy } from './strategy.ts';

/** Of a request, what its answer's form depends on. */
export interface Rendering extends Pick<Call, 'accepted' | 'request'> {
  resource: { strategy: Pick<Strategy, 'columns'> };
}

/** A meta.k8s.io Table: what `kubectl get` prints (apiserver pkg/registry/rest/table.go). */
export function tableOf(
  { accepted, request, resource }: Rendering,
  objects: KubeObject[],
  metadata: ListMetadata,
): object {
  const include = request.query.get('includeObject') || 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  }
  const { columns } = resource.strategy;
  const now = Date.now();
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${accepted.asVersion}`,
    metadata,
    columnDefinitions: columns.definitions,
    rows: objects.map((object) => {
      const conditions = columns.conditions?.(object);
      return {
        cells: columns.cells(object, now),
        ...(conditions?.length ? { conditions } : {}),
        ...includedObject(object, include, accepted.asVersion),
      };
    }),
  };
}

function includedObject(object: KubeObject, include: string, version: string): { object?: object } {
  if (include === 'None') return {};
  if (include === 'Object') return { object };
  const { metadata } = object;
  return { object: { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata } };
}
