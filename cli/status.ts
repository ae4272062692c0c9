import { nodes, pods } from '../src/api/resource.ts';
import { furtherNodes } from '../src/further-nodes.ts';
import { countPhases, describePhases } from '../src/inspect/pod-phase.ts';
import { size } from '../src/inspect/size.ts';
import { type ClusterState, clusterState, replicaServers } from '../src/launch.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { vitrineVersion } from '../src/version.ts';
import { clusterClient, noCluster } from './access.ts';
import type { Command, Output } from './command.ts';
import { formatTable } from './output.ts';

export const command: Command = {
  options: { output: { type: 'string', short: 'o' } },
  help: `
Shows the cluster's components, nodes, addresses, versions, and what Vitrine itself uses. Exit code 1 when it is not up.

  -o, --output json    for programs

example:
  vitrine status -o json`,
  run: async ({ name, values, out }) => {
    const state = clusterState(name);
    if (state.joined && !state.config) return joinedStatus(state, out);
    if (!state.config) throw noCluster(name);
    const replicas = replicaServers(name);
    const further = furtherNodes(state.paths);
    const components = [
      componentStatus('control plane', state.server),
      ...replicas.map(({ replica, daemon }) => componentStatus(`control plane ${replica}`, daemon)),
      { ...componentStatus('node', state.agent), node: state.config.nodeName, address: state.config.plan.nodeAddress },
      ...further.map(({ name: node, address, daemon }) => ({
        ...componentStatus(`node ${node}`, daemon),
        ...{ node, address },
      })),
    ];
    const isServed = state.server !== undefined || replicas.length > 0;
    const api = isServed ? await apiStatus(name, state.config.nodeName) : undefined;
    const report = {
      version: vitrineVersion,
      running: isServed && [state.agent, ...further.map(({ daemon }) => daemon)].every(Boolean),
      ...state.config,
      components,
      api,
    };
    if (values.output === 'json') out.line(JSON.stringify(report, null, 2));
    else for (const line of render(report)) out.line(line);
    return report.running && api?.nodeReady && api.nodes.every(({ ready }) => ready) ? 0 : 1;
  },
};

/** Of a machine that is a node of a cluster elsewhere, whose API is for its administrators. */
function joinedStatus({ joined, agent }: ClusterState, out: Output): number {
  const { component, pid, pssBytes } = componentStatus('node', agent);
  out.line(`node ${joined?.nodeName} (${joined?.nodeAddress}) of the cluster at ${joined?.server}`);
  for (const line of formatTable([
    [component, pid ? 'running' : 'stopped', pid ? `pid ${pid}` : '', pssBytes ? `${size(pssBytes)} PSS` : ''],
  ]))
    out.line(`  ${line}`);
  return pid ? 0 : 1;
}

function componentStatus(component: string, daemon: { pid: number } | undefined) {
  return { component, pid: daemon?.pid, pssBytes: daemon && memoryPss(daemon.pid) };
}

/** `own`: the node beside the control plane. */
async function apiStatus(name: string, own: string) {
  const client = clusterClient(name);
  try {
    const version = (await (await client.request({ method: 'GET', path: '/version' })).json()) as {
      gitVersion: string;
    };
    const [nodeList, podList] = await Promise.all([client.list(nodes), client.list(pods)]);
    const all = nodeList.items.map(({ metadata, status }) => ({
      name: metadata.name,
      address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
      ready: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    }));
    return {
      kubernetesVersion: version.gitVersion,
      nodeReady: all.find((node) => node.name === own)?.ready ?? false,
      nodes: all,
      pods: podList.items.length,
      podsRunning: podList.items.filter((pod) => pod.status?.phase === 'Running').length,
      podStates: countPhases(podList.items),
    };
  } finally {
    client.close();
  }
}

type Report = {
  name: string;
  version: string;
  running: boolean;
  nodeName: string;
  apiPort: number;
  datastore?: { endpoints: string[]; prefix: string };
  plan: { podCidr: string; serviceCidr: string; loadBalancerCidr: string; nodeAddress: string };
  components: {
    component: string;
    node?: string;
    address?: string;
    pid: number | undefined;
    pssBytes: number | undefined;
  }[];
  api: Awaited<ReturnType<typeof apiStatus>> | undefined;
};

function render(report: Report): string[] {
  const { api, components, datastore, plan } = report;
  const own = new Set(components.flatMap(({ node }) => node ?? []));
  const rows = [
    ...components.map(({ component, node, address = '', pid, pssBytes }) => {
      const known = api?.nodes.find(({ name }) => name === node);
      const state = known ? (known.ready ? 'Ready' : 'NotReady') : 'running';
      return [
        node === undefined ? component : `node ${node}`,
        pid ? state : 'stopped',
        pid ? `pid ${pid}` : '',
        pssBytes ? `${size(pssBytes)} PSS` : '',
        address,
      ];
    }),
    ...(api?.nodes ?? [])
      .filter(({ name }) => !own.has(name))
      .map(({ name, address, ready }) => [`node ${name}`, ready ? 'Ready' : 'NotReady', '', '', address]),
  ];
  const states = describePhases(api?.podStates ?? {});
  const facts = [
    ['API', `https://127.0.0.1:${report.apiPort}`],
    ...(datastore ? [['datastore', `etcd ${datastore.endpoints.join()}, ${datastore.prefix}`]] : []),
    ['addresses', `Pods ${plan.podCidr}, Services ${plan.serviceCidr}, load balancers ${plan.loadBalancerCidr}`],
    ...(api ? [['Pods', [api.pods, ...(states ? [`(${states})`] : [])].join(' ')]] : []),
  ];
  const width = Math.max(...[...rows, ...facts].map(([label = '']) => label.length));
  const padded = (table: string[][]) => table.map(([label = '', ...cells]) => [label.padEnd(width), ...cells]);
  return [
    `cluster ${report.name}: Vitrine ${report.version}${api ? `, Kubernetes ${api.kubernetesVersion}` : ''}`,
    ...[...formatTable(padded(rows)), ...formatTable(padded(facts))].map((line) => `  ${line}`),
  ];
}
