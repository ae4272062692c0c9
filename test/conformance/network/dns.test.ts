import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import type { Pod } from '../../../src/api/generated/core-v1.ts';
import { nodes, pods, services } from '../../../src/api/resource.ts';
import { until } from '../../cluster/fixture/until.ts';
import { type AskingPod, askingPod } from '../fixture/asking.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { netexec, template } from '../fixture/workloads.ts';

const suite = await startConformanceCluster();
const { cluster, kube } = suite;
after(() => cluster.delete());

const domain = 'cluster.local';
const quoted = (text: string) => text.replaceAll('.', '\\.');

/** A headless Service and a Pod that it selects, with these names. */
async function headless(service: string, spec: Partial<Pod['spec']>) {
  const namespace = await kube.namespace('dns');
  const labels = { 'dns-test-hostname-attribute': 'true' };
  await kube.of(services, namespace).create({
    metadata: { name: service },
    spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
  const inside = kube.of(pods, namespace);
  await inside.create({ metadata: { name: 'querier', labels }, spec: { ...template({}).spec, ...spec } });
  const { status } = await inside.until('querier', (pod) => pod?.status?.phase === 'Running' && pod.status.podIP);
  return { namespace, address: status!.podIP!, client: await askingPod(suite, namespace) };
}

/** Lines of /etc/hosts, an address and its names each. */
const hostsOf = async (client: AskingPod) =>
  (await client.run('cat /etc/hosts')).split('\n').map((line) => line.split(/\s+/));

describe('DNS', { concurrency: 4 }, () => {
  conformance('[sig-network] DNS should provide DNS for the cluster', async () => {
    const { spec } = await kube.of(services, 'default').get('kubernetes');
    const client = await askingPod(suite, await kube.namespace('dns'));
    await client.untilResolved(`kubernetes.default.svc.${domain}`, [spec!.clusterIP!]);
    assert.match(
      await client.records('srv', `_https._tcp.kubernetes.default.svc.${domain}`),
      new RegExp(`service = 0 \\d+ 443 ${quoted(`kubernetes.default.svc.${domain}`)}`),
    );
  });

  conformance('[sig-network] DNS should provide /etc/hosts entries for the cluster', async () => {
    const { namespace, address } = await headless('dns-test-service', {
      hostname: 'dns-querier-1',
      subdomain: 'dns-test-service',
    });
    const hosts = await hostsOf(
      await askingPod(suite, namespace, 'other', { hostname: 'dns-querier-2', subdomain: 'dns-test-service' }),
    );
    const name = `dns-querier-2.dns-test-service.${namespace}.svc.${domain}`;
    assert.ok(
      hosts.some(([, fqdn, host]) => fqdn === name && host === 'dns-querier-2'),
      JSON.stringify(hosts),
    );
    assert.ok(!hosts.some(([ip]) => ip === address));
  });

  conformance('[sig-network] DNS should provide DNS for services', async () => {
    const namespace = await kube.namespace('dns');
    const own = kube.of(services, namespace);
    const labels = { 'dns-test': 'true' };
    const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }];
    await own.create({ metadata: { name: 'test-service-1' }, spec: { clusterIP: 'None', selector: labels, ports } });
    const regular = await own.create({ metadata: { name: 'test-service-2' }, spec: { selector: labels, ports } });
    const inside = kube.of(pods, namespace);
    await inside.create({ metadata: { name: 'webserver', labels }, spec: template({}, netexec()).spec });
    const { status } = await inside.until('webserver', (pod) => pod?.status?.containerStatuses?.[0]?.ready);
    const client = await askingPod(suite, namespace);
    const clusterIP = regular.spec!.clusterIP!;
    for (const suffix of ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.${domain}`]) {
      await client.untilResolved(`test-service-1${suffix}`, [status!.podIP!]);
      await client.untilResolved(`test-service-2${suffix}`, [clusterIP]);
    }
    const headlessName = `_http._tcp.test-service-1.${namespace}.svc.${domain}`;
    assert.match(
      await client.records('srv', headlessName),
      new RegExp(`service = 0 \\d+ 80 \\S+\\.test-service-1\\.${namespace}\\.svc\\.${quoted(domain)}`),
    );
    assert.match(
      await client.records('srv', `_http._tcp.test-service-2.${namespace}.svc.${domain}`),
      new RegExp(`service = 0 \\d+ 80 test-service-2\\.${namespace}\\.svc\\.${quoted(domain)}`),
    );
    assert.match(
      await client.records('ptr', `${clusterIP.split('.').toReversed().join('.')}.in-addr.arpa`),
      new RegExp(`name = test-service-2\\.${namespace}\\.svc\\.${quoted(domain)}`),
    );
  });

  conformance('[sig-network] DNS should resolve DNS of partial qualified names for services [LinuxOnly]', async () => {
    const namespace = await kube.namespace('dns');
    const { spec } = await kube.of(services, namespace).create({
      metadata: { name: 'test-service-2' },
      spec: { selector: { none: 'such' }, ports: [{ name: 'http', port: 80 }] },
    });
    const client = await askingPod(suite, namespace);
    for (const name of ['test-service-2', `test-service-2.${namespace}`, `test-service-2.${namespace}.svc`])
      await client.untilResolved(name, [spec!.clusterIP!]);
    const { spec: api } = await kube.of(services, 'default').get('kubernetes');
    for (const name of ['kubernetes.default', 'kubernetes.default.svc'])
      await client.untilResolved(name, [api!.clusterIP!]);
  });

  conformance('[sig-network] DNS should provide DNS for pods for Hostname', async () => {
    const { namespace, address, client } = await headless('dns-test-service-2', {
      hostname: 'dns-querier-2',
      subdomain: 'dns-test-service-2',
    });
    for (const name of [
      `dns-querier-2.dns-test-service-2.${namespace}.svc.${domain}`,
      'dns-querier-2.dns-test-service-2',
    ])
      await client.untilResolved(name, [address]);
  });

  conformance('[sig-network] DNS should provide DNS for pods for Subdomain', async () => {
    const { namespace, address, client } = await headless('dns-test-service-2', {
      hostname: 'dns-querier-2',
      subdomain: 'dns-test-service-2',
    });
    await client.untilResolved(`dns-test-service-2.${namespace}.svc.${domain}`, [address]);
    assert.match(
      await client.records('srv', `_http._tcp.dns-test-service-2.${namespace}.svc.${domain}`),
      new RegExp(`dns-querier-2\\.dns-test-service-2\\.${namespace}\\.svc\\.${quoted(domain)}`),
    );
  });

  conformance('[sig-network] DNS should provide DNS for ExternalName services', async () => {
    const namespace = await kube.namespace('dns');
    const own = kube.of(services, namespace);
    const name = 'dns-test-service-3';
    const host = `${name}.${namespace}.svc.${domain}`;
    await own.create({ metadata: { name }, spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
    const client = await askingPod(suite, namespace);
    const untilAlias = (target: string) =>
      until(`${host} is ${target}`, async () =>
        (await client.records('cname', host)).includes(`canonical name = ${target}`),
      );
    await untilAlias('foo.example.com');
    await own.change(name, ({ spec }) => {
      spec!.externalName = 'bar.example.com';
    });
    await untilAlias('bar.example.com');
    const { spec } = await own.change(name, ({ spec }) => {
      Object.assign(spec!, { type: 'ClusterIP', externalName: '' });
      spec!.ports = [{ port: 80, name: 'http', protocol: 'TCP' }];
    });
    await client.untilResolved(host, [spec!.clusterIP!]);
  });

  conformance('[sig-network] DNS should support configurable pod DNS nameservers', async () => {
    const namespace = await kube.namespace('dns');
    const dnsConfig = { nameservers: ['1.1.1.1'], searches: ['resolv.conf.local'] };
    const client = await askingPod(suite, namespace, 'test-dns-nameservers', { dnsPolicy: 'None', dnsConfig });
    assert.match(await client.run('/testhost dns-suffix'), /resolv\.conf\.local/);
    assert.match(await client.run('/testhost dns-server-list'), /1\.1\.1\.1/);
    assert.equal((await kube.of(nodes).list()).items.length, 1);
  });
});
