import type { ResourceInfo } from '../api/resource.ts';
import type { Client } from '../client/client.ts';

interface GroupDiscovery {
  metadata?: { name?: string };
  versions?: { version: string; resources?: ResourceDiscovery[]; freshness?: 'Current' | 'Stale' }[];
}

interface ResourceDiscovery {
  resource: string;
  scope: 'Namespaced' | 'Cluster';
  responseKind?: { kind?: string };
  verbs?: string[];
  subresources?: unknown[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * Every resource that the API serves now, custom ones too, each in its preferred version (KEP-3352). The error tells of
 * what could not be found out, in the words of client-go's discovery client.
 */
export async function discoverResources(
  client: Client,
): Promise<{ resources: ResourceInfo[]; error: string | undefined }> {
  const found: ResourceInfo[] = [];
  const failed: string[] = [];
  for (const path of ['/api', '/apis']) {
    const response = await client.request({ method: 'GET', path, headers: { accept } });
    if (response.status !== 200) {
      failed.push(`GET ${path}: ${response.status}: ${await response.text()}`);
      continue;
    }
    const { items = [] } = (await response.json()) as { items?: GroupDiscovery[] };
    for (const group of items) {
      found.push(...resourcesOf(group));
      failed.push(...staleVersions(group).map((name) => `${name}: stale GroupVersion discovery: ${name}`));
    }
  }
  if (failed.length === 0) return { resources: found, error: undefined };
  const list = `unable to retrieve the complete list of server APIs: ${failed.sort().join(', ')}`;
  return { resources: found, error: `Discovery failed for some groups, ${failed.length} failing: ${list}` };
}

function staleVersions({ metadata, versions = [] }: GroupDiscovery): string[] {
  return versions
    .filter(({ freshness }) => freshness === 'Stale')
    .map(({ version }) => `${metadata?.name ?? ''}/${version}`);
}

/** The first version that serves a resource is the preferred one; what a server that is away once served is left out. */
function resourcesOf(group: GroupDiscovery): ResourceInfo[] {
  const seen = new Map<string, ResourceInfo>();
  for (const { version, resources = [], freshness } of group.versions ?? [])
    for (const one of freshness === 'Stale' ? [] : resources) {
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
