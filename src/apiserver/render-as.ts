import type { KubeObject, ListMetadata } from '../api/object.ts';
import { badRequest } from '../api/status-error.ts';
import type { Rendering } from './render-table.ts';

/** How this client wants to see one object: as a table or as metadata only. */
export async function loadTransform(call: Rendering): Promise<(object: KubeObject) => object> {
  const { accepted } = call;
  if (accepted.as === 'Table') {
    const { tableOf } = await import('./render-table.ts');
    return (object) => tableOf(call, [object], { resourceVersion: object.metadata.resourceVersion });
  }
  if (accepted.as === 'PartialObjectMetadata') return (object) => partial(object, accepted.asVersion);
  return (object) => object;
}

export async function transformObject(call: Rendering, object: KubeObject): Promise<object> {
  if (call.accepted.as === 'PartialObjectMetadataList') {
    throw badRequest('you requested PartialObjectMetadataList, but the requested object is not a list');
  }
  return (await loadTransform(call))(object);
}

export async function transformList(call: Rendering, items: KubeObject[], metadata: ListMetadata): Promise<object> {
  const { as, asVersion } = call.accepted;
  if (as === 'Table') {
    const { tableOf } = await import('./render-table.ts');
    return tableOf(call, items, metadata);
  }
  if (as === 'PartialObjectMetadata') {
    throw badRequest('you requested PartialObjectMetadata, but the requested object is a list');
  }
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${asVersion}`,
    metadata,
    items: items.map((item) => partial(item, asVersion)),
  };
}

function partial(object: KubeObject, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}
