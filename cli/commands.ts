import type { Command } from './command.ts';

export interface CommandEntry {
  usage: string;
  summary: string;
  load(): Promise<{ command: Command }>;
}

/** Every command, in the order of the help text. Each is loaded only when it is called. */
export const commands: Record<string, CommandEntry> = {
  up: { usage: 'up', summary: 'start or resume a cluster', load: () => import('./up.ts') },
  down: { usage: 'down', summary: 'stop it, Pods included; its data stays', load: () => import('./down.ts') },
  delete: { usage: 'delete [--images]', summary: 'stop it and remove its data', load: () => import('./delete.ts') },
  status: { usage: 'status', summary: 'components, addresses, resource use', load: () => import('./status.ts') },
  node: { usage: 'node COMMAND', summary: 'add, ls, rm: further nodes of a cluster', load: () => import('./node.ts') },
  check: {
    usage: 'check [--repair]',
    summary: 'whether disk, kernel, store and API agree',
    load: () => import('./check.ts'),
  },
  kubeconfig: { usage: 'kubeconfig', summary: 'print the kubeconfig', load: () => import('./kubeconfig.ts') },
  demo: { usage: 'demo', summary: '100 httpd Pods behind a LoadBalancer', load: () => import('./demo.ts') },
  apply: { usage: 'apply -f FILE', summary: 'server-side apply of manifests', load: () => import('./apply.ts') },
  image: {
    usage: 'image COMMAND',
    summary: 'pull, load, build, ls, rm, tag, save, prune',
    load: () => import('./image.ts'),
  },
  ps: { usage: 'ps [OPTIONS]', summary: 'processes with their Pod and container', load: () => import('./ps.ts') },
  tree: { usage: 'tree [KIND/NAME]', summary: 'from Service to thread', load: () => import('./tree.ts') },
  web: {
    usage: 'web [--port N] [--no-open]',
    summary: 'the page: a live map, on loopback',
    load: () => import('./web.ts'),
  },
  look: { usage: 'look X', summary: 'everything about one thing', load: () => import('./look.ts') },
  why: { usage: 'why KIND/NAME', summary: 'why it does not work', load: () => import('./why.ts') },
  survey: { usage: 'survey', summary: 'what is this host?', load: () => import('./survey.ts') },
  top: { usage: 'top', summary: 'what uses the machine, live', load: () => import('./top.ts') },
  server: {
    usage: 'server',
    summary: 'the control-plane process, in the foreground',
    load: () => import('./server.ts'),
  },
  agent: { usage: 'agent', summary: 'the node process, in the foreground', load: () => import('./agent.ts') },
};
