import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/generated/core-v1.ts';
import { nodes, persistentVolumeClaims, persistentVolumes, pods, secrets, services } from '../../src/api/resource.ts';
import { containsAddress } from '../../src/base/cidr.ts';
import { httpsTransport } from '../../src/client/https-transport.ts';
import { createClient } from '../../src/client/rest.ts';
import { clusterPaths, nodePaths, nodePins } from '../../src/paths.ts';
import { type Space, startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { get } from './fixture/http.ts';
import { startMachine } from './fixture/machine.ts';
import { deployment, pod, service, shell, stay, web } from './fixture/objects.ts';
import { run } from './fixture/run.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
/** Names of the two nodes; the second one is in namespaces of its own. */
let [first, second]: string[] = [];
before(async () => {
  cluster = await startTestCluster({ up: '--nodes 2' });
  [first, second] = (await cluster.client.list(nodes)).items.map(({ metadata }) => metadata.name).sort();
});
after(() => cluster?.delete());

const on = (nodeName: string | undefined) => ({ nodeName }) as { nodeName: string };
const addressOf = async (node: string | undefined) =>
  (await cluster.client.get(nodes, node as string)).status?.addresses?.find(({ type }) => type === 'InternalIP')
    ?.address as string;
const podOf = (space: Space, name: string): Promise<Pod> => space.get(pods, name);

/** A Pod that can be asked and a Pod that can ask, on each node. */
async function pairs(name: string): Promise<Space> {
  const space = await cluster.space(name);
  await space.apply(
    pod('web-1', web(), on(first), { app: 'web' }),
    pod('web-2', web(), on(second), { app: 'web' }),
    pod('client-1', shell(stay), on(first)),
    pod('client-2', shell(stay), on(second)),
  );
  await Promise.all(['web-1', 'web-2', 'client-1', 'client-2'].map((one) => space.untilReady(one)));
  return space;
}

interface ShownRule {
  in: string;
  match: string;
  chains: string[];
  endpoints: string[];
  verdicts: string[];
}

const textOf = ({ in: name, match, chains, endpoints, verdicts }: ShownRule): string =>
  [name, match, ...chains, ...[...endpoints].sort(), ...[...verdicts].sort()].join(' ');

/** What `nft -j list ruleset` has for these keys of maps and sets, chains followed by their names in its text. */
async function toldByNft(enter: string[], keys: string[]): Promise<string[]> {
  const [program = '', ...args] = [...enter, 'nft', '-j', 'list', 'ruleset'];
  const { nftables } = JSON.parse((await run(program, args)).stdout) as { nftables: Record<string, NftPart>[] };
  const textOfChain = (name: string) => JSON.stringify(nftables.filter(({ rule }) => rule?.chain === name));
  const targets = (text: string) =>
    [...text.matchAll(/"(?:goto|jump)":\{"target":"([^"]+)"/g)].map(([, name]) => name!);
  return nftables
    .flatMap(({ map, set }) => ((map ?? set)?.elem ?? []).map((element) => ({ name: (map ?? set)?.name, element })))
    .filter(({ element }) => keys.some((key) => JSON.stringify(element).includes(`{"concat":${key}}`)))
    .map(({ name, element }) => {
      const found = new Set(targets(JSON.stringify(element)));
      // Grows while it is walked.
      for (const chain of found) for (const target of targets(textOfChain(chain))) found.add(target);
      const chains = [...found];
      const text = JSON.stringify(element) + chains.map(textOfChain).join();
      const to = [...text.matchAll(/"(?:addr|concat)":\[?"([\d.]+)",(?:"port":)?(\d+)[\]}]/g)].map(
        ([, address, port]) => `${address}:${port}`,
      );
      const verdicts = ['accept', 'drop', 'reject'].filter((verdict) => text.includes(`"${verdict}":null`));
      const match = /"concat":\[(.*?)\]/.exec(JSON.stringify(element))?.[1]?.replaceAll('"', '').replaceAll(',', ' ');
      return textOf({ in: name ?? '', match: match ?? '', chains, endpoints: [...new Set(to)], verdicts });
    })
    .sort();
}

/** Of libnftables-json(5). */
interface NftPart {
  name: string;
  chain: string;
  elem?: unknown[];
}

const curl = (url: string) => `curl -s --max-time 10 ${url}`;

describe('two nodes', { concurrency: 4 }, () => {
  test('each have a name, an address, a range of Pods and a role of their own', async () => {
    const { items } = await cluster.client.list(nodes);
    const { podCidr, nodeCidr } = cluster.config.plan;
    const ranges = items.map(({ spec }) => spec.podCIDR as string);
    assert.equal(new Set(ranges).size, 2);
    for (const range of ranges) assert.ok(containsAddress(podCidr, range.split('/')[0] as string), range);
    for (const { metadata, status, spec } of items) {
      const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address as string;
      assert.ok(containsAddress(nodeCidr, address), address);
      assert.equal(metadata.labels?.['kubernetes.io/hostname'], metadata.name);
      assert.equal('node-role.kubernetes.io/control-plane' in (metadata.labels ?? {}), metadata.name === first);
      assert.deepEqual(spec.taints ?? [], []);
    }
    const listed = await cluster.vitrine('node ls');
    for (const node of [first, second]) assert.match(listed, new RegExp(`^${node} .* Ready .*pid \\d+`, 'm'));
  });

  test('share the replicas of a Deployment, and have a Pod each of a DaemonSet', async () => {
    const space = await cluster.space('spread');
    const template = { metadata: { labels: { app: 'each' } }, spec: { containers: [shell(stay)] } };
    const selector = { matchLabels: { app: 'each' } };
    const metadata = { name: 'each' };
    await space.apply(deployment('web', 4, web()), {
      ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata },
      spec: { selector, template },
    });
    await space.kubectl('rollout status deployment/web --timeout=60s');
    await space.kubectl('rollout status daemonset/each --timeout=60s');
    const placed = async (labelSelector: string) =>
      (await cluster.client.list(pods, { namespace: 'spread', labelSelector })).items.map(({ spec }) => spec.nodeName);
    // How evenly depends on what the tests beside this one have placed.
    assert.deepEqual([...new Set(await placed('app=web'))].sort(), [first, second]);
    assert.deepEqual((await placed('app=each')).sort(), [first, second]);
  });

  test('let their Pods speak with each other from their own addresses, and with the API', async () => {
    const space = await pairs('traffic');
    for (const [client, server] of [
      ['client-1', 'web-2'],
      ['client-2', 'web-1'],
    ] as const) {
      const { status } = await podOf(space, server);
      assert.equal((await space.exec(client, curl(`http://${status?.podIP}:8080/`))).trim(), server);
      const answer = await space.exec(client, `curl -sk --max-time 10 https://kubernetes.default/version`);
      assert.match(answer, /gitVersion/);
    }
    const ranges = (await cluster.client.list(nodes)).items.map(({ metadata, spec }) => [metadata.name, spec.podCIDR]);
    const range = new Map(ranges as [string, string][]);
    for (const name of ['web-1', 'web-2']) {
      const { spec, status } = await podOf(space, name);
      assert.ok(containsAddress(range.get(spec.nodeName as string) as string, status?.podIP as string), name);
    }
  });

  test('serve every Service, whichever node has its Pods: from Pods, from themselves and from the host', async () => {
    const space = await pairs('services');
    await space.apply(service('web', 'web', { type: 'LoadBalancer' }));
    const { spec, status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
    const nodePort = spec.ports?.[0]?.nodePort;
    const urls = [
      `http://${spec.clusterIP}/`,
      `http://${status?.loadBalancer?.ingress?.[0]?.ip}/`,
      `http://${await addressOf(first)}:${nodePort}/`,
      `http://${await addressOf(second)}:${nodePort}/`,
    ];
    // Asks until both Pods have answered; a hundred times, which of two Pods one alone answers once in 10³⁰ tries.
    const ask = (url: string) =>
      `seen=; for i in $(seq 100); do seen=$(printf '%s\\n' $seen $(${curl(url)}) | sort -u); [ $(echo $seen | wc -w) = 2 ] && break; done; echo $seen`;
    const script = urls.map(ask).join('; ');
    const net = `--net=/run/vitrine/${cluster.name}/nodes/${second}/net`;
    const answers = {
      host: (await run('sh', ['-c', script])).stdout,
      'second node': (await run('nsenter', [net, 'sh', '-c', script])).stdout,
      'client-1': await space.exec('client-1', script),
      'client-2': await space.exec('client-2', script),
    };
    for (const [who, answer] of Object.entries(answers))
      assert.deepEqual(answer.trim().split('\n'), Array(urls.length).fill('web-1 web-2'), who);
  });

  test('with externalTrafficPolicy Local see who calls; health checks and the load balancer know where the Pods are', async (t) => {
    const space = await cluster.space('local');
    const who =
      'mkdir -p /www/cgi-bin; printf "#!/bin/sh\\necho; echo \\$REMOTE_ADDR\\n" > /www/cgi-bin/who; chmod +x /www/cgi-bin/who';
    const command = ['sh', '-c', `${who}; ${web().command?.at(-1)}`];
    await space.apply(
      pod('web-2', web({ command }), on(second), { app: 'web' }),
      service('web', 'web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
    );
    await space.untilReady('web-2');
    const { spec, status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
    const health = async (node: string | undefined) => {
      const answer = await fetch(`http://${await addressOf(node)}:${spec.healthCheckNodePort}/`);
      return [answer.status, ((await answer.json()) as { localEndpoints: number }).localEndpoints];
    };
    await until('the second node has an endpoint', async () => (await health(second))[1] === 1);
    assert.deepEqual(await health(second), [200, 1]);
    assert.deepEqual(await health(first), [503, 0]);

    const outsider = await startMachine(`vo-${process.pid}`, '198.51.100.130');
    t.after(outsider.remove);
    const [program = '', ...enter] = outsider.enter;
    const ask = async (url: string) => (await run(program, [...enter, 'curl', '-s', '--max-time', '2', url])).stdout;
    const port = spec.ports?.[0]?.nodePort;
    const [near, far] = [await addressOf(first), await addressOf(second)];
    const balancer = status?.loadBalancer?.ingress?.[0]?.ip;
    await until('the load balancer leads to it', async () => (await ask(`http://${balancer}/`)) === 'web-2\n');
    assert.equal(await ask(`http://${far}:${port}/`), 'web-2\n');
    assert.equal(await ask(`http://${near}:${port}/`), '', 'a node without endpoints drops it');
    for (const server of [balancer, `${far}:${port}`])
      assert.match(await ask(`http://${server}/cgi-bin/who`), new RegExp(`\\b${outsider.address}\\b`));
  });

  test('answer names each for itself', async () => {
    const space = await pairs('names');
    await space.apply(service('web', 'web', { clusterIP: 'None' }));
    const addresses = [(await podOf(space, 'web-1')).status?.podIP, (await podOf(space, 'web-2')).status?.podIP].sort();
    for (const client of ['client-1', 'client-2'])
      await until(`${client} finds both Pods`, async () => {
        const answer = await space.exec(client, 'nslookup web.names.svc.cluster.local || true');
        const found = [...answer.matchAll(/^Address(?: \d+)?: +([\d.]+)$/gm)].map(([, address]) => address);
        return addresses.every((address) => found.includes(address));
      });
  });

  test('hold NetworkPolicies for what comes from the other node', async () => {
    const space = await pairs('policies');
    const reaches = async (client: string, server: string) => {
      const { status } = await podOf(space, server);
      const url = `http://${status?.podIP}:8080/`;
      const asked = ['exec', client, '--', 'curl', '-s', '-f', '--max-time', '1', url];
      return (await space.tryKubectl(asked)).code === 0;
    };
    assert.ok(await reaches('client-1', 'web-2'));
    await space.apply({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' } },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    });
    for (const [client, server] of [
      ['client-1', 'web-2'],
      ['client-2', 'web-1'],
    ] as const)
      await until(`${client} no longer reaches ${server}`, async () => !(await reaches(client, server)));
  });

  test('have host ports, host networks and host names of their own', async () => {
    const space = await cluster.space('host');
    const port = { containerPort: 8080, hostPort: 18080 };
    await space.apply(
      pod('port-1', web({ ports: [port] }), on(first)),
      pod('port-2', web({ ports: [port] }), on(second)),
      pod('net-1', shell(stay), { ...on(first), hostNetwork: true }),
      pod('net-2', shell(stay), { ...on(second), hostNetwork: true }),
    );
    await Promise.all(['port-1', 'port-2', 'net-1', 'net-2'].map((name) => space.untilReady(name)));
    for (const [index, node] of [first, second].entries()) {
      const address = await addressOf(node);
      assert.equal((await get(`http://${address}:18080/`)).trim(), `port-${index + 1}`);
      const own = await podOf(space, `net-${index + 1}`);
      assert.deepEqual([own.status?.podIP, own.status?.hostIP], [address, address]);
      assert.equal((await space.exec(`net-${index + 1}`, 'hostname')).trim(), node);
    }
  });

  test('give logs, exec, port-forward and figures through the API', async () => {
    const space = await cluster.space('streams');
    await space.apply(pod('one', shell(`echo here; ${stay}`), on(second)));
    await space.untilReady('one');
    assert.equal(await space.kubectl('logs one'), 'here\n');
    assert.equal((await space.exec('one', 'hostname')).trim(), 'one');
    const raw = await cluster.kubectl(`get --raw /api/v1/nodes/${second}/proxy/stats/summary`);
    assert.equal(JSON.parse(raw).node.nodeName, second);
    await until('figures of both nodes', async () => {
      const { stdout } = await cluster.tryKubectl('top nodes --no-headers');
      return [first, second].every((node) => new RegExp(`^${node} +\\d+m`, 'm').test(stdout));
    });
  });

  test('keep the volume of a claim on the node that its first Pod goes to', async () => {
    const space = await cluster.space('claims');
    const resources = { requests: { storage: '1Mi' } };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const container = shell(`date > /data/here; ${stay}`, { volumeMounts: [{ name: 'data', mountPath: '/data' }] });
    const nodeSelector = { 'kubernetes.io/hostname': second as string };
    await space.apply(
      {
        ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
        spec: { accessModes: ['ReadWriteOnce'], resources },
      },
      pod('writer', container, { volumes, nodeSelector }),
    );
    await space.untilReady('writer');
    const { spec } = await space.get(persistentVolumeClaims, 'data');
    const volume = await cluster.client.get(persistentVolumes, spec.volumeName as string);
    const terms = volume.spec.nodeAffinity?.required?.nodeSelectorTerms;
    assert.deepEqual(terms?.[0]?.matchExpressions?.[0]?.values, [second]);
    await space.apply(
      pod('reader', shell(stay, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }), { volumes }),
    );
    await space.untilReady('reader');
    assert.equal((await podOf(space, 'reader')).spec.nodeName, second);
  });

  test('see the Secrets of their own Pods only, and change no Node but their own', async () => {
    const space = await cluster.space('secrets');
    const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { a: 'b' } });
    const uses = (secretName: string) => ({ volumes: [{ name: 's', secret: { secretName } }] });
    await space.apply(
      ...[secret('one'), secret('two')],
      pod('pod-1', shell(stay), { ...on(first), ...uses('one') }),
      pod('pod-2', shell(stay), { ...on(second), ...uses('two') }),
    );
    await Promise.all([space.untilReady('pod-1'), space.untilReady('pod-2')]);
    const pem = (file: string) =>
      fs.readFileSync(`${nodePaths(clusterPaths(cluster.name), second as string).state}/pki/${file}`, 'utf8');
    const server = `https://127.0.0.1:${cluster.config.apiPort}`;
    const credentials = { ca: pem('ca.crt'), cert: pem('kubelet-client.crt'), key: pem('kubelet-client.key') };
    const node = createClient(httpsTransport({ server, ...credentials }));
    try {
      assert.equal((await node.get(secrets, 'two', 'secrets')).metadata.name, 'two');
      await assert.rejects(
        node.get(secrets, 'one', 'secrets'),
        /no relationship found between node .* and this object/,
      );
      const labels = { metadata: { labels: { mine: 'yes' } } };
      const patch = (name: string) => node.patch(nodes, name, undefined, { type: 'merge', body: labels });
      await patch(second as string);
      await assert.rejects(patch(first as string), /is not allowed to modify node/);
    } finally {
      node.close();
    }
  });

  test('are told apart by the glass', async () => {
    const space = await cluster.space('glass');
    await space.apply(pod('seen', shell(stay), on(second)));
    await space.untilReady('seen');
    const tree = await cluster.vitrine('tree pod/seen -n glass');
    assert.match(tree, new RegExp(`^Pod glass/seen .*node ${second}`));
    assert.match(tree, new RegExp(`cgroup /vitrine-${cluster.name}/nodes/${second}/kubepods/`));
    const check = await cluster.vitrine('check');
    for (const node of [first, second]) assert.match(check, new RegExp(`^API: \\d+ Pods on node ${node}$`, 'm'));
    assert.match(check, /all is well/);
  });

  test('have rules of their own for a Service, which the glass shows of each', async () => {
    const space = await cluster.space('rules');
    await space.apply(
      pod('web-2', web(), on(second), { app: 'web' }),
      service('web', 'web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
    );
    await space.untilReady('web-2');
    const { spec, status } = await space.until(services, 'web', (one) => one?.status?.loadBalancer?.ingress?.[0]?.ip);
    const keys = [
      [spec.clusterIP, 'tcp', 80],
      [status?.loadBalancer?.ingress?.[0]?.ip, 'tcp', 80],
      ['tcp', spec.ports?.[0]?.nodePort],
    ].map((key) => JSON.stringify(key));
    const endpoint = `${(await podOf(space, 'web-2')).status?.podIP}:8080`;
    const enter = ['nsenter', `--net=${nodePins(nodePaths(clusterPaths(cluster.name), second as string)).net}`];
    const told = async () => [await toldByNft([], keys), await toldByNft(enter, keys)];
    await until('both nodes lead to the endpoint from each', async () => {
      const lines = (await told()).flat();
      return lines.length === 6 && lines.every((line) => line.includes(endpoint));
    });

    const [onFirst = [], onSecond = []] = await told();
    const { rules, rulesByNode } = JSON.parse(await cluster.vitrine('tree svc/web -n rules -o json')).objects[0];
    const shown = (its: ShownRule[]) => its.map((rule) => textOf(rule)).sort();
    assert.deepEqual(
      rulesByNode.map((its: { node: string; rules: ShownRule[] }) => [its.node, shown(its.rules)]),
      [
        [first, onFirst],
        [second, onSecond],
      ],
    );
    assert.deepEqual(shown(rules), onFirst);
    const ends = (its: ShownRule[]) => its.map(({ verdicts }) => verdicts.join()).sort();
    // What comes from outside is dropped by a node without a Pod, but its load balancer passes it on.
    assert.deepEqual(ends(rulesByNode[0].rules), ['', 'accept', 'drop']);
    assert.deepEqual(ends(rulesByNode[1].rules), ['', '', '']);

    const look = await cluster.vitrine('look svc/web -n rules -o json');
    const groups = JSON.parse(look).found[0].below.filter(({ type }: { type: string }) => type === 'group');
    assert.deepEqual(
      groups.map(({ text }: { text: string }) => text),
      [`${onFirst.length} nft rules on node ${first}`, `${onSecond.length} nft rules on node ${second}`],
    );
  });
});
