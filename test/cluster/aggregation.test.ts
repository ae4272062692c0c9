import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import type { APIGroupDiscoveryList } from '../../src/api/generated/apidiscovery-v2.ts';
import type { APIService } from '../../src/api/generated/apiregistration-v1.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { builtin, deployments, namespaces } from '../../src/api/resource.ts';
import { Kube, type Place, refused } from '../conformance/fixture/kube.ts';
import {
  apiServiceName,
  deploySampleApiserver,
  groupVersion,
  type SampleApiserver,
} from '../conformance/fixture/sample-apiserver/deploy.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { until } from './fixture/until.ts';

const apiServices = builtin<APIService>('apiregistration.k8s.io', 'v1', 'apiservices');
const flunders: Place<KubeObject> = {
  ...{ group: 'wardle.example.com', version: 'v1alpha1', resource: 'flunders', namespaced: true },
};

let cluster: TestCluster;
let kube: Kube;
let sample: SampleApiserver;

before(async () => {
  cluster = await startTestCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  kube = new Kube(config);
  sample = await deploySampleApiserver(kube, await kube.namespace('aggregation'));
  await sample.untilAvailable();
});
after(() => cluster.delete());

describe('an extension API server behind an APIService', () => {
  it('is part of what kubectl knows: names, OpenAPI, explain', async () => {
    assert.match(await cluster.kubectl('api-resources --api-group=wardle.example.com'), /flunders +fl +wardle/);
    assert.match(await cluster.kubectl('explain flunders'), /Flunder is what the sample API server serves/);
    const openApi = await kube.json<{ paths: object; definitions: object }>('GET', '/openapi/v2');
    assert.ok(`/apis/${groupVersion}/namespaces/{namespace}/flunders/{name}` in openApi.paths);
    assert.ok('/api/v1/pods' in openApi.paths || '/api/v1/namespaces/{namespace}/pods' in openApi.paths);
    await cluster.kubectl(['-n', sample.namespace, 'apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: groupVersion, kind: 'Flunder', metadata: { name: 'applied' }, spec: {} }),
    });
    assert.match(await cluster.kubectl(['-n', sample.namespace, 'get', 'fl', '-o', 'name']), /flunder\.\S+\/applied/);
  });

  it('streams its watches through', async () => {
    const own = kube.of(flunders, sample.namespace);
    const watching = await own.watch();
    await own.create({ metadata: { name: 'watched' } });
    assert.equal((await watching.take('ADDED')).metadata.name, 'watched');
    await own.delete('watched');
    assert.equal((await watching.take('DELETED')).metadata.name, 'watched');
    watching.stop();
  });

  it('sees who asks, and decides by the roles of the cluster', async () => {
    const path = `/apis/${groupVersion}/namespaces/${sample.namespace}/flunders`;
    const headers = { 'impersonate-user': 'ann', 'x-remote-user': 'system:admin', 'x-remote-group': 'system:masters' };
    // The aggregator asks first, in its own words; with leave to list here the extension server asks for itself.
    await refused(kube.ask('GET', path, { headers }), 403, /User "ann" cannot list resource "flunders"/);
    await cluster.kubectl(`create clusterrole flunder-reader --verb=list --resource=flunders.wardle.example.com`);
    await cluster.kubectl(`create clusterrolebinding ann --clusterrole=flunder-reader --user=ann`);
    assert.equal((await kube.ask('GET', path, { headers })).status, 200);
  });

  it('gets upgrades with the name of who asks', async () => {
    const path = `/apis/${groupVersion}/namespaces/${sample.namespace}/flunders/applied/echo`;
    const [greeting, echoed] = await upgrade(kube.config, path, 'ping\n');
    assert.equal(greeting, 'hello kubernetes-admin');
    assert.equal(echoed, 'ping');
  });

  it('is unavailable, with the reason, while nothing stands behind its Service', async () => {
    const reason = async () => {
      const { status } = await kube.of(apiServices).get(apiServiceName);
      return status?.conditions?.find(({ type }) => type === 'Available');
    };
    await cluster.kubectl(['-n', sample.namespace, 'scale', 'deployment/sample-apiserver-deployment', '--replicas=0']);
    const gone = await until('it is unavailable', async () => {
      const found = await reason();
      return found?.status === 'False' && found;
    });
    assert.match(gone.reason ?? '', /^(MissingEndpoints|EndpointsNotFound)$/);
    assert.match(gone.message ?? '', /endpointslices for service\/sample-api in "aggregation-/);
    const path = `/apis/${groupVersion}/namespaces/${sample.namespace}/flunders`;
    await refused(kube.ask('GET', path), 503);
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { items } = await kube.json<APIGroupDiscoveryList>('GET', '/apis', { headers: { accept } });
    const group = items.find(({ metadata }) => metadata?.name === 'wardle.example.com');
    const [version] = group?.versions ?? [];
    assert.deepEqual([version?.freshness, version?.resources?.[0]?.resource], ['Stale', 'flunders']);
    const waiting = await kube.namespace('waiting');
    await kube.of(namespaces).delete(waiting);
    const { status } = await kube.of(namespaces).until(waiting, (one) => one?.status?.conditions?.length);
    const held = status?.conditions?.find(({ type }) => type === 'NamespaceDeletionDiscoveryFailure');
    assert.equal(held?.status, 'True');
    assert.match(held?.message ?? '', /^Discovery failed for some groups, 1 failing: .*stale GroupVersion discovery/);
    await cluster.kubectl(['-n', sample.namespace, 'scale', 'deployment/sample-apiserver-deployment', '--replicas=1']);
    await kube
      .of(deployments, sample.namespace)
      .until('sample-apiserver-deployment', (one) => one?.status?.readyReplicas);
    await sample.untilAvailable();
    assert.deepEqual((await kube.of(flunders, sample.namespace).list()).items, []);
    await kube.of(namespaces).until(waiting, (one) => one === undefined);
  });

  it('stands beside the APIServices of what the server serves itself', async () => {
    assert.match(await cluster.kubectl('get apiservices'), /v1\.apps +Local +True/);
    const { spec, metadata } = await kube.of(apiServices).get('v1.');
    assert.deepEqual([spec.groupPriorityMinimum, spec.versionPriority], [18_000, 1]);
    assert.equal(metadata.labels?.['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
  });

  it('takes the place of our own metrics.k8s.io', async () => {
    await kube.of(apiServices).create({
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        service: { namespace: sample.namespace, name: 'metrics-server' },
        ...{ group: 'metrics.k8s.io', version: 'v1beta1', insecureSkipTLSVerify: true },
        ...{ groupPriorityMinimum: 100, versionPriority: 100 },
      },
    });
    await refused(kube.ask('GET', '/apis/metrics.k8s.io/v1beta1/nodes'), 503);
    await kube.of(apiServices).delete('v1beta1.metrics.k8s.io');
    assert.equal((await kube.ask('GET', '/apis/metrics.k8s.io/v1beta1/nodes')).status, 200);
    await sample.remove();
  });
});

/** Sends a line after an upgrade; the first two lines that come back. */
async function upgrade(config: KubeConfig, path: string, line: string): Promise<string[]> {
  const [{ server, caData }, { certData, keyData }] = [config.getCurrentCluster()!, config.getCurrentUser()!];
  const pem = (data: string | undefined) => Buffer.from(data ?? '', 'base64');
  const { hostname: host, port } = new URL(server);
  const socket = tls.connect({ host, port: Number(port), ca: pem(caData), cert: pem(certData), key: pem(keyData) });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Remote-User: evil\r\n\r\n`,
  );
  let text = '';
  for await (const chunk of socket) {
    const before = text;
    text += String(chunk);
    if (text.includes('hello') && !before.includes('hello')) socket.write(line);
    const body = text.split('\r\n\r\n')[1] ?? '';
    if (body.split('\n').length > 2) {
      socket.destroy();
      return body.split('\n').slice(0, 2);
    }
  }
  throw new Error(`the upgrade ended with ${JSON.stringify(text)}`);
}
