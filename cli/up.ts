import path from 'node:path';
import { mergeKubeconfig } from '../src/client/kubeconfig.ts';
import { fromFlags } from '../src/kubelet-config.ts';
import { clusterState, startCluster, startJoined } from '../src/launch.ts';
import { clusterPaths, nodeNames } from '../src/paths.ts';
import { adminKubeconfig, contextName } from './access.ts';
import { apiServerFlagsFrom, apiServerHelp, apiServerOptions } from './api-server-options.ts';
import { type Command, type Invocation, stringOption, UsageError } from './command.ts';
import { datastoreFrom, datastoreHelp, datastoreOptions } from './datastore-options.ts';
import { kubeletHelp, kubeletOptions } from './kubelet-options.ts';
import { formatDuration } from './output.ts';

export const command: Command = {
  options: {
    'api-port': { type: 'string' },
    nodes: { type: 'string' },
    'node-address': { type: 'string' },
    'no-kubeconfig': { type: 'boolean' },
    ...datastoreOptions,
    ...kubeletOptions,
    ...apiServerOptions,
  },
  help: `
Starts a cluster in the background, or resumes it, and returns when the API answers and the nodes are Ready.
The context "vitrine" ("vitrine-NAME" for --name NAME) is merged into the kubeconfig and made the current one.

  --api-port PORT    port of the API on 127.0.0.1, chosen at the first start (default: the first free one from 6443)
  --nodes N          how many nodes there are to be (default: those that there are, or one); 'vitrine node' tells more
  --node-address A   the address of this machine by which other machines are to join ('vitrine node token'), decided at the
                     first start (default: an address of the cluster's own, which no other machine reaches)
  --no-kubeconfig    leave the kubeconfig alone
${datastoreHelp}

A cluster that another version of Vitrine has started is upgraded: its processes are replaced, its containers go on.

The kubelet's flags are kept for later starts, in kubelet.yaml (a KubeletConfiguration) beside the data of each node; a
node that runs already starts anew with them, its containers go on:
${kubeletHelp}

kube-apiserver's flags are kept for later starts, too; an empty value ('') removes one, and a server that runs already
starts anew with them:
${apiServerHelp}

examples:
  vitrine up
  vitrine up --nodes 3
  vitrine up --max-pods 500 --eviction-hard 'memory.available<500Mi,nodefs.available<10%'
  vitrine up --audit-policy-file policy.yaml
  vitrine up --datastore http://127.0.0.1:2379
  vitrine up --name ci --no-kubeconfig && vitrine kubeconfig --name ci > ci.kubeconfig`,
  run: async (invocation) => {
    await up(invocation);
    return 0;
  },
};

/** Starts the cluster and tells how long it took. */
export async function up(invocation: Invocation): Promise<void> {
  const { name, out } = invocation;
  const apiPort = portOption(invocation);
  const { config, joined } = clusterState(name);
  if (joined && !config) {
    await startJoined(name, fromFlags(invocation.values));
    out.line(`node "${joined.nodeName}" is ready, of the cluster at ${joined.server}`);
    return;
  }
  out.progress(`starting cluster "${name}" …`);
  const datastore = datastoreFrom(invocation);
  const result = await startCluster(name, {
    apiPort,
    datastore,
    nodes: nodesOption(invocation),
    nodeAddress: stringOption(invocation, 'node-address'),
    kubelet: fromFlags(invocation.values),
    apiServerFlags: apiServerFlagsFrom(invocation),
  });
  const server = `https://127.0.0.1:${result.config.apiPort}`;
  if (result.alreadyRunning) out.line(`cluster "${name}" is running: ${server}`);
  else
    out.line(
      `cluster "${name}" is ${result.upgraded ? 'upgraded, its containers went on' : 'ready'}: API in ${formatDuration(result.apiMs)}, ${result.nodes > 1 ? `${result.nodes} nodes` : 'node'} in ${formatDuration(result.nodeMs)}: ${server}`,
    );
  if (!invocation.values['no-kubeconfig']) {
    const file = await mergeKubeconfig(undefined, adminKubeconfig(clusterPaths(name), result.config), true);
    out.line(`kubectl's context is now "${contextName(name)}" (${path.resolve(file)})`);
  }
  if (result.failure) throw result.failure;
}

function nodesOption(invocation: Invocation): number | undefined {
  const text = stringOption(invocation, 'nodes');
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`--nodes "${text}": must be a number from 1 on`);
  const count = Number(text);
  const there = nodeNames(clusterPaths(invocation.name)).length + 1;
  if (there > count && there > 1)
    throw new UsageError(`--nodes ${count}: there are ${there} already; vitrine node rm removes one`);
  return count;
}

export function portOption(invocation: Invocation): number | undefined {
  const text = stringOption(invocation, 'api-port');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new UsageError(`--api-port "${text}": must be a number from 1 to 65535`);
  return port;
}
