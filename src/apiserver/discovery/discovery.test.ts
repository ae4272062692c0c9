import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinResources } from '../../api/resource.ts';
import type { ApiRequest } from '../request.ts';
import { discoveryPaths } from './discovery-paths.ts';
import { compareVersions, type DiscoverableResource, type ExtensionVersion } from './served-groups.ts';

const widgets: DiscoverableResource = {
  group: 'example.com',
  version: 'v1beta1',
  resource: 'widgets',
  kind: 'Widget',
  type: '',
  namespaced: true,
  verbs: ['get', 'list'],
  subresources: {},
  names: { singular: 'widget', shortNames: ['wd'] },
};

function setUp() {
  let served: readonly DiscoverableResource[] = builtinResources;
  const handle = discoveryPaths({ served: () => served, serverAddress: '10.0.0.1:6443' });
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const response = await handle({ method: 'GET', path, headers } as ApiRequest);
    const body = response && (response.body as Buffer);
    return response && { ...response, json: body?.length ? JSON.parse(body.toString()) : undefined };
  };
  return { ask, serve: (more: DiscoverableResource) => (served = [...builtinResources, more]) };
}

interface AggregatedGroup {
  versions: { version: string; freshness: string; resources: object[] }[];
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

describe('discovery', () => {
  it('lists groups with their preferred versions', async () => {
    const { ask } = setUp();
    assert.deepEqual((await ask('/api'))?.json.versions, ['v1']);
    const groups = (await ask('/apis/'))?.json.groups as { name: string; preferredVersion: { version: string } }[];
    assert.deepEqual(
      groups.slice(0, 2).map(({ name }) => name),
      ['apiregistration.k8s.io', 'apps'],
    );
    assert.equal(groups.find(({ name }) => name === 'autoscaling')?.preferredVersion.version, 'v2');
    assert.equal((await ask('/apis/apps'))?.json.kind, 'APIGroup');
    assert.equal(await ask('/apis/none'), undefined);
    assert.equal(await ask('/api/v1/pods'), undefined);
  });

  it('lists resources and subresources', async () => {
    const { ask } = setUp();
    const list = (await ask('/api/v1'))?.json;
    assert.equal(list.groupVersion, 'v1');
    const find = (name: string) => list.resources.find((one: { name: string }) => one.name === name);
    const { storageVersionHash, ...pods } = find('pods');
    assert.match(storageVersionHash, /=$/);
    assert.deepEqual(pods, {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['po'],
      categories: ['all'],
    });
    assert.deepEqual(find('pods/eviction'), {
      name: 'pods/eviction',
      singularName: '',
      namespaced: true,
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    });
  });

  it('answers everything at once to those who ask for it, with an ETag', async () => {
    const { ask } = setUp();
    const response = await ask('/apis', { accept: aggregated });
    assert.equal(response?.headers['content-type'], aggregated.split(',')[0]);
    const apps = response?.json.items.find((one: { metadata: { name: string } }) => one.metadata.name === 'apps');
    const deployments = apps.versions[0].resources.find((one: { resource: string }) => one.resource === 'deployments');
    assert.deepEqual(deployments.responseKind, { group: 'apps', version: 'v1', kind: 'Deployment' });
    assert.deepEqual(deployments.subresources[0].responseKind, { group: 'autoscaling', version: 'v1', kind: 'Scale' });
    const again = await ask('/apis', { accept: aggregated, 'if-none-match': response?.headers.etag ?? '' });
    assert.equal(again?.status, 304);
    assert.equal((await ask('/api', { accept: aggregated }))?.json.items.length, 1);
    assert.equal((await ask('/api', { accept: 'application/json' }))?.json.kind, 'APIVersions');
  });

  it('follows custom resources', async () => {
    const { ask, serve } = setUp();
    assert.equal(await ask('/apis/example.com/v1beta1'), undefined);
    serve(widgets);
    const list = (await ask('/apis/example.com/v1beta1'))?.json;
    assert.deepEqual(list.resources[0].shortNames, ['wd']);
  });

  it('keeps versions whose servers do not answer, marked, with what they served before', async () => {
    let extensions: ExtensionVersion[] = [];
    const handle = discoveryPaths({ served: () => [widgets], extensions: () => extensions, serverAddress: '' });
    const ask = async (path: string, accept?: string) => {
      const response = await handle({ method: 'GET', path, headers: { accept } } as unknown as ApiRequest);
      return response && JSON.parse((response.body as Buffer).toString());
    };
    const shown = async () =>
      (await ask('/apis', aggregated)).items.flatMap((group: AggregatedGroup) =>
        group.versions.map(({ version, freshness, resources }) => `${version} ${freshness} ${resources.length}`),
      );
    assert.deepEqual(await shown(), ['v1beta1 Current 1']);
    extensions = [
      { group: 'example.com', version: 'v1beta1', stale: true },
      { group: 'never.example.com', version: 'v1', stale: true },
      { group: 'empty.example.com', version: 'v1', stale: false },
    ];
    assert.deepEqual(await shown(), ['v1 Current 0', 'v1beta1 Stale 1', 'v1 Stale 0']);
    assert.equal((await ask('/apis/never.example.com')).preferredVersion.version, 'v1');
  });

  it('prefers stable versions, then new ones', () => {
    const versions = ['v1alpha1', 'v1', 'v2beta1', 'foo', 'v10', 'v2', 'v1beta2'];
    assert.deepEqual(versions.sort(compareVersions), ['v10', 'v2', 'v1', 'v2beta1', 'v1beta2', 'v1alpha1', 'foo']);
  });
});
