import { nodes, pods } from '../src/api/resource.ts';
import { UserError } from '../src/base/errors.ts';
import { size } from '../src/inspect/size.ts';
import { clusterState, replicaServers } from '../src/launch.ts';
import { memoryPss } from '../src/linux/memory.ts';
import { vitrineVersion } from '../src/version.ts';
import { clusterClient } from './access.ts';
import type { Command } from './command.ts';
import { formatTable } from './output.ts';

export const command: Command = {
  options: { output: { type: 'string', short: 'o' } },
  help: `
Shows the cluster's components, node, addresses, versions, and what Vitrine itself uses. Exit code 1 when it is not up.

  -o, --output json    for programs

example:
  vitrine status -o json`,
  run: async ({ name, values, out }) => {
    const state = clusterState(name);
    if (!state.config) throw new UserError(`there is no cluster "${name}"`, { hint: 'vitrine up makes it' });
    const replicas = replicaServers(name);
    const components = [
      componentStatus('control plane', state.server),
      ...replicas.map(({ replica, daemon }) => componentStatus(`control plane ${replica}`, daemon)),
      componentStatus('node', state.agent),
    ];
    const isServed = state.server !== undefined || replicas.length > 0;
    const api = isServed ? await apiStatus(name) : undefined;
    const report = {
      version: vitrineVersion,
      running: isServed && state.agent !== undefined,
      ...state.config,
      components,
      api,
    };
    if (values.output === 'json') out.line(JSON.stringify(report, null, 2));
    else for (const line of render(report)) out.line(line);
    return report.running && api?.nodeReady ? 0 : 1;
  },
};

function componentStatus(component: string, daemon: { pid: number } | undefined) {
  return { component, pid: daemon?.pid, pssBytes: daemon && memoryPss(daemon.pid) };
}

async function apiStatus(name: string) {
  const client = clusterClient(name);
  try {
    const version = (await (await client.request({ method: 'GET', path: '/version' })).json()) as {
      gitVersion: string;
    };
    const [nodeList, podList] = await Promise.all([client.list(nodes), client.list(pods)]);
    const node = nodeList.items[0];
    return {
      kubernetesVersion: version.gitVersion,
      nodeReady: node?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
      pods: podList.items.length,
      podsRunning: podList.items.filter((pod) => pod.status?.phase === 'Running').length,
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
  components: { component: string; pid: number | undefined; pssBytes: number | undefined }[];
  api: Awaited<ReturnType<typeof apiStatus>> | undefined;
};

function render(report: Report): string[] {
  const rows = report.components.map(({ component, pid, pssBytes }) => [
    component,
    pid ? 'running' : 'stopped',
    pid ? `pid ${pid}` : '',
    pssBytes ? `${size(pssBytes)} PSS` : '',
  ]);
  return [
    `cluster ${report.name}: Vitrine ${report.version}${report.api ? `, Kubernetes ${report.api.kubernetesVersion}` : ''}`,
    ...formatTable(rows).map((line) => `  ${line}`),
    ...formatTable([
      [
        'node',
        `${report.nodeName} (${report.plan.nodeAddress})${report.api ? (report.api.nodeReady ? ', Ready' : ', not Ready') : ''}`,
      ],
      ['API', `https://127.0.0.1:${report.apiPort}`],
      ...(report.datastore
        ? [['datastore', `etcd ${report.datastore.endpoints.join()}, ${report.datastore.prefix}`]]
        : []),
      [
        'addresses',
        `Pods ${report.plan.podCidr}, Services ${report.plan.serviceCidr}, load balancers ${report.plan.loadBalancerCidr}`,
      ],
      ...(report.api ? [['Pods', `${report.api.podsRunning} running of ${report.api.pods}`]] : []),
    ]).map((line) => `  ${line}`),
  ];
}
