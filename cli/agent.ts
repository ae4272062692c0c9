import { UserError } from '../src/base/errors.ts';
import { fromFlags } from '../src/kubelet-config.ts';
import { runProcess } from '../src/main.ts';
import { clusterPaths, nodeNames } from '../src/paths.ts';
import { type Command, stringOption } from './command.ts';
import { kubeletHelp, kubeletOptions } from './kubelet-options.ts';

export const command: Command = {
  options: { node: { type: 'string' }, ...kubeletOptions },
  help: `
Runs the node process in the foreground: kubelet, container runtime, network. 'vitrine up' starts it in the background.
Ends on SIGTERM or SIGINT; containers go on and are found again by the next one.

  --node NODE   a further node of the cluster (see 'vitrine node --help'), to be run in its network and its host name:
                nsenter --net=/run/vitrine/NAME/nodes/NODE/net --uts=/run/vitrine/NAME/nodes/NODE/uts vitrine agent …

The kubelet's flags, for this run alone:
${kubeletHelp}`,
  run: (invocation) => {
    const node = stringOption(invocation, 'node');
    if (node !== undefined && !nodeNames(clusterPaths(invocation.name)).includes(node))
      throw new UserError(`cluster "${invocation.name}" has no further node "${node}"`);
    return runProcess('agent', invocation.name, { node, kubelet: fromFlags(invocation.values) });
  },
};
