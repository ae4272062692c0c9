import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { builtinResources } from '../../api/resource.ts';
import type { ApiRequest } from '../request.ts';
import type { DescribedResource } from './documents.ts';
import { openApiPaths } from './openapi-paths.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into at many depths
type Document = any;

const widgets: DescribedResource = {
  group: 'example.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  type: '',
  namespaced: true,
  verbs: ['get', 'list', 'create', 'patch'],
  subresources: {},
  schema: {
    type: 'object',
    properties: { spec: { type: 'object', properties: { size: { type: 'integer', nullable: true, default: 1 } } } },
  },
};

const handle = openApiPaths({ served: () => builtinAndWidgets, version: 'v1.36.4' });
const builtinAndWidgets = [...builtinResources, widgets];

async function ask(target: string, headers: Record<string, string> = {}) {
  const url = new URL(target, 'https://x');
  const response = await handle({ method: 'GET', path: url.pathname, query: url.searchParams, headers } as ApiRequest);
  return response!;
}
const parse = (body: unknown): Document => JSON.parse((body as Buffer).toString());

describe('OpenAPI v2', () => {
  it('describes types as Kubernetes does', async () => {
    const { definitions } = parse((await ask('/openapi/v2')).body);
    const pod = definitions['io.k8s.api.core.v1.Pod'];
    assert.deepEqual(pod['x-kubernetes-group-version-kind'], [{ group: '', kind: 'Pod', version: 'v1' }]);
    const { description: _, ...ports } = definitions['io.k8s.api.core.v1.Container'].properties.ports;
    assert.deepEqual(ports, {
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.ContainerPort' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-merge-key': 'containerPort',
      'x-kubernetes-patch-strategy': 'merge',
    });
    assert.deepEqual(definitions['io.k8s.api.apps.v1.DeploymentSpec'].required.sort(), ['selector', 'template']);
  });

  it('holds no reference to what is not there', async () => {
    const text = ((await ask('/openapi/v2')).body as Buffer).toString();
    const document = JSON.parse(text);
    for (const [, name = ''] of text.matchAll(/"#\/definitions\/([^"]+)"/g))
      assert.ok(document.definitions[name], name);
    for (const [, name = ''] of text.matchAll(/"#\/parameters\/([^"]+)"/g)) assert.ok(document.parameters[name], name);
  });

  it('says that writes can be tried out, where kubectl looks for it', async () => {
    const { paths } = parse((await ask('/openapi/v2')).body);
    const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    assert.equal(patch.operationId, 'patchAppsV1NamespacedDeployment');
    assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
    for (const name of ['dryRun', 'fieldValidation']) {
      assert.ok(
        patch.parameters.some((one: Document) => one.name === name),
        name,
      );
    }
  });

  it('comes in protobuf for older clients, and zipped', async () => {
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const { body, headers } = await ask('/openapi/v2', { accept });
    assert.match(headers['content-type'] ?? '', /protobuf/);
    assert.deepEqual([...(body as Buffer).subarray(0, 5)], [0x0a, 3, 0x32, 0x2e, 0x30]);
    const zipped = await ask('/openapi/v2', { accept, 'accept-encoding': 'gzip' });
    assert.deepEqual(gunzipSync(zipped.body as Buffer), body);
  });
});

describe('OpenAPI v3', () => {
  it('leads from the index to documents that can be kept', async () => {
    const { paths } = parse((await ask('/openapi/v3')).body);
    const url = paths['apis/apps/v1'].serverRelativeURL;
    assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const response = await ask(url);
    assert.match(response.headers['cache-control'] ?? '', /immutable/);
    const document = parse(response.body);
    const text = JSON.stringify(document);
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      assert.ok(document.components.schemas[name], name);
    }
    assert.equal(document.components.schemas['io.k8s.api.core.v1.Service'], undefined);
    assert.equal((await ask('/openapi/v3/apis/apps/v1?hash=old')).status, 301);
  });

  it('knows defaults and enums', async () => {
    const { components } = parse((await ask('/openapi/v3/api/v1')).body);
    const port = components.schemas['io.k8s.api.core.v1.ContainerPort'].properties;
    assert.equal(port.protocol.default, 'TCP');
    assert.deepEqual(port.protocol.enum, ['SCTP', 'TCP', 'UDP']);
    assert.deepEqual(components.schemas['io.k8s.api.core.v1.Pod'].properties.spec.allOf, [
      { $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' },
    ]);
  });

  it('describes custom resources by their own schema', async () => {
    const { components, paths } = parse((await ask('/openapi/v3/apis/example.com/v1')).body);
    const { properties } = components.schemas['com.example.v1.Widget'];
    assert.equal(properties.spec.properties.size.default, 1);
    assert.ok(paths['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}'].patch);
    const v2 = parse((await ask('/openapi/v2')).body).definitions['com.example.v1.Widget'];
    // What may be null has no type there.
    assert.deepEqual(v2.properties.spec.properties.size, { default: 1 });
  });
});
