import type { ResourceInfo } from '../api/resource.ts';
import type { Client } from '../client/client.ts';

interface GroupDiscovery {
  metadata?: { name?: string };
  versions?: { version: string; resources?: ResourceDiscovery[] }[];
}

interface ResourceDiscovery {
  resource: string;
  scope: 'Namespaced' | 'Cluster';
  responseKind?: { kind?: string };
  verbs?: string[];
  subresources?: unknown[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Every resource that the API serves now, custom ones too, each in its preferred version (KEP-3352). */
export async function discoverResources(
  client: Client,
): Promise<{ resources: ResourceInfo[]; error: string | undefined }> {
  const found: ResourceInfo[] = [];
  let error: string | undefined;
  for (const path of ['/api', '/apis']) {
    const response = await client.request({ method: 'GET', path, headers: { accept } });
    if (response.status !== 200) {
      error = `GET ${path}: ${response.status}: ${await response.text()}`;
      continue;
    }
    const { items = [] } = (await response.json()) as { items?: GroupDiscovery[] };
    for (const group of items) found.push(...resourcesOf(group));
  }
  return { resources: found, error };
}

/** The first version that serves a resource is the preferred one. */
function resourcesOf(group: GroupDiscovery): ResourceInfo[] {
  const seen = new Map<string, ResourceInfo>();
  for (const { version, resources = [] } of group.versions ?? [])
    for (const one of resources) {
      if (seen.has(one.resource)) continue;
      seen.set(one.resource, {
        group: group.metadata?.name ?? '',
        version,
        resource: one.resource,
        kind: one.responseKind?.kind ?? '',
        type: '',
        namespaced: one.scope === 'Namespaced',
        verbs: one.verbs ?? [],
        subresources: {},
      });
    }
  return [...seen.values()];
}
