import { fromFlags } from '../src/kubelet-config.ts';
import { runProcess } from '../src/main.ts';
import type { Command } from './command.ts';
import { kubeletHelp, kubeletOptions } from './kubelet-options.ts';

export const command: Command = {
  options: kubeletOptions,
  help: `
Runs the node process in the foreground: kubelet, container runtime, network. 'vitrine up' starts it in the background.
Ends on SIGTERM or SIGINT; containers go on and are found again by the next one.

The kubelet's flags, for this run alone:
${kubeletHelp}`,
  run: (invocation) => runProcess('agent', invocation.name, { kubelet: fromFlags(invocation.values) }),
};
