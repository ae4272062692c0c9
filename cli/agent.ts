import os from 'node:os';
import { UserError } from '../src/base/errors.ts';
import { discoverCa, localAddressTo } from '../src/discovery.ts';
import { fromFlags } from '../src/kubelet-config.ts';
import { clusterState } from '../src/launch.ts';
import { runProcess } from '../src/main.ts';
import { writeJoinRequest } from '../src/node-config.ts';
import { clusterPaths, nodeNames } from '../src/paths.ts';
import { type Command, type Invocation, stringOption, UsageError } from './command.ts';
import { kubeletHelp, kubeletOptions } from './kubelet-options.ts';

export const command: Command = {
  options: {
    node: { type: 'string' },
    server: { type: 'string' },
    token: { type: 'string' },
    'ca-hash': { type: 'string' },
    'node-name': { type: 'string' },
    'node-address': { type: 'string' },
    ...kubeletOptions,
  },
  help: `
Runs the node process in the foreground: kubelet, container runtime, network. 'vitrine up' starts it in the background.
Ends on SIGTERM or SIGINT; containers go on and are found again by the next one.

On another machine it joins a cluster that was made with 'vitrine up --node-address'; 'vitrine node token' there prints the
first three of these. The machines must be on one link, as Pods of the other are reached through its address. Once it has
joined, 'vitrine up' starts it in the background, and 'vitrine down', 'delete' and 'status' are about it.
  --server URL         the cluster's API server
  --token TOKEN        a bootstrap token
  --ca-hash HASH       pins the cluster's CA: sha256:…
  --node-name NAME     (default: the host name)
  --node-address A     (default: the address from which the server is reached)

  --node NODE          a further node of a cluster of this machine ('vitrine node'), to be run in its network and host name:
                       cd /run/vitrine/NAME/nodes/NODE && nsenter --net=net --uts=uts vitrine agent --node NODE --name NAME

The kubelet's flags, for this run alone:
${kubeletHelp}`,
  run: async (invocation) => {
    const node = stringOption(invocation, 'node');
    if (node !== undefined && !nodeNames(clusterPaths(invocation.name)).includes(node))
      throw new UserError(`cluster "${invocation.name}" has no further node "${node}"`);
    await prepareJoin(invocation);
    return runProcess('agent', invocation.name, { node, kubelet: fromFlags(invocation.values) });
  },
};

/** Notes what is to be joined, the first time. */
async function prepareJoin(invocation: Invocation): Promise<void> {
  const [server, token, hash] = ['server', 'token', 'ca-hash'].map((option) => stringOption(invocation, option));
  if (!server) return;
  const { paths, config, joined } = clusterState(invocation.name);
  if (config)
    throw new UserError(`there is a cluster "${invocation.name}" on this machine`, { hint: 'choose another --name' });
  if (joined && joined.server !== server)
    throw new UserError(`"${invocation.name}" is a node of the cluster at ${joined.server}`, {
      hint: `vitrine delete --name ${invocation.name} makes room for another`,
    });
  if (joined && !joined.token && !token) return;
  if (!token || !hash) throw new UsageError('--server: --token and --ca-hash belong to it');
  if (!/^https:\/\/[^/]+:\d+$/.test(server)) throw new UsageError(`--server "${server}": must be https://HOST:PORT`);
  const nodeName = stringOption(invocation, 'node-name') ?? os.hostname().toLowerCase();
  const nodeAddress = stringOption(invocation, 'node-address') ?? (await localAddressTo(server));
  writeJoinRequest(paths, { nodeName, nodeAddress, server, ca: await discoverCa(server, hash), token });
}
