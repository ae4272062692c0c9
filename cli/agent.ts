import { runProcess } from '../src/main.ts';
import type { Command } from './command.ts';

export const command: Command = {
  help: `
Runs the node process in the foreground: kubelet, container runtime, network. 'vitrine up' starts it in the background.
Ends on SIGTERM or SIGINT; containers go on and are found again by the next one.`,
  run: (invocation) => runProcess('agent', invocation.name, {}),
};
