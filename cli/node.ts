import fs from 'node:fs';
import { adminAccess } from '../src/admin-access.ts';
import type { Node } from '../src/api/generated/core-v1.ts';
import { nodes } from '../src/api/resource.ts';
import { containsAddress } from '../src/base/cidr.ts';
import { UserError } from '../src/base/errors.ts';
import { createBootstrapToken } from '../src/bootstrap-token.ts';
import { removeNode } from '../src/cluster.ts';
import type { ClusterConfig } from '../src/cluster-config.ts';
import { caHash } from '../src/discovery.ts';
import { type FurtherNode, furtherNodes } from '../src/further-nodes.ts';
import { type ClusterState, clusterState, startCluster } from '../src/launch.ts';
import { clusterClient, noCluster, upCommand } from './access.ts';
import { type Command, type Invocation, UsageError, wantsJson } from './command.ts';
import { formatDuration, formatTable } from './output.ts';

export const command: Command = {
  options: { output: { type: 'string', short: 'o' } },
  help: `
Further nodes of a cluster, on this machine. Each is a process of its own, with a network namespace and a host name of its
own: to the cluster it is another machine, with its own address, Pods, ports, firewall rules and identity. They share the
kernel, the processors, the memory, the disk and the image store, which each of them reports as a whole.

  add [N]      one more node, or N more; returns when all are Ready
  ls           the nodes with their address, range of Pod addresses and process
  rm NODE…     stops a node with its Pods and removes it; 'kubectl drain' moves its Pods away before

  token        a command with which another machine joins within a day, by the address that --node-address of 'vitrine up'
               gave this one

  -o, --output json    for programs (ls)

examples:
  vitrine up --nodes 3
  vitrine node add
  vitrine node ls
  kubectl drain vm-3 --ignore-daemonsets && vitrine node rm vm-3`,
  run: async (invocation) => {
    const [word = 'ls', ...args] = invocation.args;
    const state = clusterState(invocation.name);
    if (!state.config) throw noCluster(invocation.name);
    if (word === 'add') return add(invocation, args);
    if (word === 'rm') return remove(invocation, state, args);
    if (word === 'token') return printToken(invocation, state);
    if (word !== 'ls' || args.length > 0)
      throw new UsageError(`"${[word, ...args].join(' ')}": must be add, ls, rm or token`);
    return list(invocation, state);
  },
};

async function add({ name, out }: Invocation, args: string[]): Promise<number> {
  const [text = '1'] = args;
  if (args.length > 1 || !/^[1-9]\d*$/.test(text)) throw new UsageError(`add "${args.join(' ')}": must be one number`);
  const began = performance.now();
  out.progress(`adding ${text === '1' ? '1 node' : `${text} nodes`} …`);
  const { added, failure } = await startCluster(name, { moreNodes: Number(text) });
  for (const node of added) out.line(`node "${node}" is ready`);
  if (failure) throw failure;
  out.note(`in ${formatDuration(performance.now() - began)}`);
  return 0;
}

async function remove({ name, out }: Invocation, state: ClusterState, names: string[]): Promise<number> {
  if (names.length === 0) throw new UsageError('rm: which node?');
  const all = furtherNodes(state.paths);
  const condemned = names.map((one) => all.find((node) => node.name === one) ?? refuse(one, state));
  const client = state.server ? clusterClient(name) : undefined;
  if (!client)
    throw new UserError(`cluster "${name}" is stopped, so it cannot forget a node`, {
      hint: `${upCommand(name)} starts it`,
    });
  try {
    for (const node of condemned) {
      await removeNode(state, node, { client, onProgress: out.progress });
      fs.rmSync(node.paths.logs, { recursive: true, force: true });
      out.line(`node "${node.name}" is removed`);
    }
  } finally {
    client.close();
  }
  return 0;
}

function refuse(node: string, { config }: ClusterState): FurtherNode {
  if (node === config?.nodeName)
    throw new UserError(`node "${node}" is the control plane's own`, { hint: 'vitrine delete removes the cluster' });
  throw new UserError(`there is no node "${node}" that 'vitrine node add' has made`);
}

const dayMs = 24 * 60 * 60 * 1000;

async function printToken({ name, out }: Invocation, { paths, config }: ClusterState): Promise<number> {
  const { plan, internalApiPort } = config as ClusterConfig;
  if (containsAddress(plan.nodeCidr, plan.nodeAddress))
    throw new UserError(`no other machine reaches cluster "${name}": its node is at ${plan.nodeAddress}`, {
      hint: 'vitrine up --node-address makes one that others can join',
    });
  const { ca } = adminAccess(paths, config as ClusterConfig);
  const client = clusterClient(name);
  try {
    const token = await createBootstrapToken(client, { lifeMs: dayMs });
    out.line(
      `vitrine agent --server https://${plan.nodeAddress}:${internalApiPort} --token ${token} --ca-hash ${caHash(ca)}`,
    );
  } finally {
    client.close();
  }
  return 0;
}

async function list(invocation: Invocation, state: ClusterState): Promise<number> {
  const { config, paths, agent } = state;
  const known = new Map(
    (state.server ? await listNodes(invocation.name) : []).map((node) => [node.metadata.name, node]),
  );
  const own = [
    { name: config?.nodeName ?? '', address: config?.plan.nodeAddress ?? '', daemon: agent },
    ...furtherNodes(paths),
  ];
  const rows = own.map(({ name, address, daemon }) => ({
    name,
    address,
    podCidr: known.get(name)?.spec.podCIDR,
    ready: known.get(name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
    pid: daemon?.pid,
  }));
  if (wantsJson(invocation)) invocation.out.line(JSON.stringify(rows, null, 2));
  else {
    const lines = rows.map(({ name, address, podCidr = '-', ready, pid }) => [
      ...[name, address, podCidr],
      pid ? (ready ? 'Ready' : 'NotReady') : 'stopped',
      pid ? `pid ${pid}` : '',
    ]);
    for (const line of formatTable([['NODE', 'ADDRESS', 'PODS', 'STATUS', ''], ...lines])) invocation.out.line(line);
  }
  return 0;
}

async function listNodes(name: string): Promise<Node[]> {
  const client = clusterClient(name);
  try {
    return (await client.list(nodes)).items;
  } finally {
    client.close();
  }
}
