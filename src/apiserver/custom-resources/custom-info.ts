import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../api/generated/apiextensions-v1.ts';
import type { DiscoverableResource } from '../discovery/served-groups.ts';
import type { DescribedResource } from '../openapi/documents.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const ofSubresources = ['get', 'patch', 'update'];

/** One version of a custom resource, as discovery and OpenAPI show it. */
export function customInfo(
  { spec, status, metadata }: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
): DiscoverableResource & DescribedResource {
  const { plural, singular, shortNames, kind, listKind, categories } = status?.acceptedNames ?? spec.names;
  const { group } = spec;
  const { status: hasStatus, scale } = version.subresources ?? {};
  const subresources = {
    ...(hasStatus ? { status: { kind, group, version: version.name, verbs: ofSubresources } } : {}),
    ...(scale
      ? { scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ofSubresources, paths: scale } }
      : {}),
  };
  const schema = version.schema?.openAPIV3Schema;
  return {
    group,
    version: version.name,
    resource: plural,
    kind,
    ...(listKind ? { listKind } : {}),
    type: '',
    namespaced: spec.scope === 'Namespaced',
    // What is being emptied takes nothing new.
    verbs: metadata.deletionTimestamp ? verbs.filter((verb) => verb !== 'create') : verbs,
    subresources,
    names: {
      ...(singular ? { singular } : {}),
      ...(shortNames?.length ? { shortNames } : {}),
      ...(categories?.length ? { categories } : {}),
    },
    ...(schema ? { schema: schema as Record<string, unknown> } : {}),
  };
}
