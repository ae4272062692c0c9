import { createHash } from 'node:crypto';
import { apiVersionOf } from '../../api/resource.ts';
import { names } from './names.ts';
import type { DiscoverableResource, ServedGroup, ServedVersion } from './served-groups.ts';

/** The documents of discovery as plain objects (apimachinery pkg/apis/meta/v1 APIGroupList, APIResourceList; KEP-3352). */

export function apiVersions(serverAddress: string) {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

export function apiGroupList(groups: ServedGroup[]) {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.filter(({ group }) => group !== '').map(groupEntry),
  };
}

export function apiGroup(group: ServedGroup) {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) };
}

function groupEntry({ group, versions }: ServedGroup) {
  const entries = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0]! };
}

export function apiResourceList(group: string, { version, resources }: ServedVersion) {
  return {
    kind: 'APIResourceList',
    ...(group ? { apiVersion: 'v1' } : {}),
    groupVersion: apiVersionOf({ group, version }),
    resources: resources.flatMap((resource) => [resourceEntry(resource), ...subresourceEntries(resource)]),
  };
}

function resourceEntry(resource: DiscoverableResource) {
  const { short, categories, singular } = namesOf(resource);
  const isStored = resource.verbs.includes('list');
  return {
    name: resource.resource,
    singularName: singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: [...resource.verbs].sort(),
    ...(short ? { shortNames: short } : {}),
    ...(categories ? { categories } : {}),
    ...(isStored ? { storageVersionHash: storageVersionHash(resource) } : {}),
  };
}

function subresourceEntries(resource: DiscoverableResource) {
  return Object.entries(resource.subresources)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { kind, group, version, verbs }]) => ({
      name: `${resource.resource}/${name}`,
      singularName: '',
      namespaced: resource.namespaced,
      ...(group !== resource.group || version !== resource.version ? { group, version } : {}),
      kind,
      verbs: [...verbs].sort(),
    }));
}

/** Everything at once. */
export function aggregatedDiscovery(groups: ServedGroup[], apiVersion: string) {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion,
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { ...(group ? { name: group } : {}), creationTimestamp: null },
      versions: versions.map(({ version, resources, stale }) => ({
        version,
        resources: resources.map(discoveryEntry),
        freshness: stale ? 'Stale' : 'Current',
      })),
    })),
  };
}

function discoveryEntry(resource: DiscoverableResource) {
  const { short, categories, singular } = namesOf(resource);
  const subresources = Object.entries(resource.subresources).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    resource: resource.resource,
    responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...resource.verbs].sort(),
    ...(short ? { shortNames: short } : {}),
    ...(categories ? { categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map(([subresource, { group, version, kind, verbs }]) => ({
            subresource,
            responseKind: { group, version, kind },
            verbs: [...verbs].sort(),
          })),
        }
      : {}),
  };
}

function namesOf({ resource, group, kind, names: own }: DiscoverableResource) {
  const known = names[group ? `${resource}.${group}` : resource];
  return {
    short: own?.shortNames ?? known?.short,
    categories: own?.categories ?? known?.categories,
    singular: own?.singular ?? known?.singular ?? kind.toLowerCase(),
  };
}

/** Changes when objects are stored in another version (apiserver pkg/endpoints/discovery/storageversionhash.go). */
function storageVersionHash({ group, version, kind }: DiscoverableResource): string {
  const text = `${group}/${version}/${kind}`;
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64');
}
