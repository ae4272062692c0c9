import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { anything, establish } from '../fixture/custom-resources.ts';

const { cluster, kube } = await startConformanceCluster();
after(() => cluster.delete());

interface DiscoveryList {
  kind: string;
  items: { metadata: { name?: string }; versions: { version: string; resources: { resource: string }[] }[] }[];
}

type GroupVersionResource = [group: string, version: string, resource: string];

// What must be there at least (test/e2e/apimachinery/aggregated_discovery.go).
const legacy: GroupVersionResource[] = [['', 'v1', 'namespaces']];
const expected: GroupVersionResource[] = [
  ['admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations'],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions'],
  ['apiregistration.k8s.io', 'v1', 'apiservices'],
  ['apps', 'v1', 'deployments'],
  ['authentication.k8s.io', 'v1', 'tokenreviews'],
  ['authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
  ['autoscaling', 'v1', 'horizontalpodautoscalers'],
  ['autoscaling', 'v2', 'horizontalpodautoscalers'],
  ['batch', 'v1', 'jobs'],
  ['certificates.k8s.io', 'v1', 'certificatesigningrequests'],
  ['coordination.k8s.io', 'v1', 'leases'],
  ['discovery.k8s.io', 'v1', 'endpointslices'],
  ['events.k8s.io', 'v1', 'events'],
  ['networking.k8s.io', 'v1', 'ingresses'],
  ['node.k8s.io', 'v1', 'runtimeclasses'],
  ['policy', 'v1', 'poddisruptionbudgets'],
  ['scheduling.k8s.io', 'v1', 'priorityclasses'],
  ['storage.k8s.io', 'v1', 'csinodes'],
];

const raw = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
/** What client-go's discovery client asks for: the newest form that the server has, or the old one. */
const negotiated = `${raw},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`;

async function discover(path: '/api' | '/apis', accept: string): Promise<DiscoveryList> {
  const answer = await kube.ask('GET', path, { headers: { accept } });
  assert.match(
    answer.headers['content-type'] ?? '',
    /^application\/json;g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList/,
  );
  const list: DiscoveryList = JSON.parse(answer.text);
  assert.equal(list.kind, 'APIGroupDiscoveryList');
  return list;
}

function has(list: DiscoveryList, [group, version, resource]: GroupVersionResource): boolean {
  return list.items
    .filter(({ metadata }) => (metadata.name ?? '') === group)
    .flatMap(({ versions }) => versions)
    .some((offered) => offered.version === version && offered.resources.some((one) => one.resource === resource));
}

async function expectBuiltins(accept: string): Promise<void> {
  const [groups, core] = [await discover('/apis', accept), await discover('/api', accept)];
  for (const wanted of expected) assert.ok(has(groups, wanted), wanted.join(' '));
  for (const wanted of legacy) assert.ok(has(core, wanted), wanted.join(' '));
}

async function expectCustomResource(accept: string): Promise<void> {
  const group = `group${randomBytes(3).toString('hex')}.example.com`;
  await establish(kube, {
    metadata: { name: `testcrds.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'testcrds', singular: 'testcrd', kind: 'testcrd', listKind: 'testcrdList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: anything } }],
    },
  });
  await until(`${group} in the discovery document`, async () =>
    has(await discover('/apis', accept), [group, 'v1', 'testcrds']),
  );
}

describe('aggregated discovery', { concurrency: 4 }, () => {
  conformance(
    '[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers',
    () => expectBuiltins(raw),
  );

  conformance('[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery request for CRDs', () =>
    expectCustomResource(raw),
  );

  conformance('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface', () =>
    expectBuiltins(negotiated),
  );

  conformance('[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface for CRDs', () =>
    expectCustomResource(negotiated),
  );
});
