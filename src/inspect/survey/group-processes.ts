import type { Process, Snapshot } from '../snapshot.ts';
import type { Identify } from './identify.ts';
import type { ServiceKnowledge } from './services/service.ts';

/** The processes that are one service. */
export interface ProcessGroup {
  id: string;
  name: string;
  root: Process;
  members: Process[];
  known: ServiceKnowledge | undefined;
}

/** Programs that start others and are not what the host is for. */
const launchers =
  /^(sh|bash|dash|ash|zsh|fish|busybox|sudo|su|login|screen|tmux|nohup|setsid|timeout|env|tini|dumb-init|s6-\w+|runsv|systemd|init|conmon|containerd-shim.*|start-stop-daemon|sshd-session)$/;

/**
 * Services by process tree: a container is one; else the topmost known program and what it started; else a systemd
 * service; else the topmost program that is no shell. Threads of the kernel are nobody's.
 */
export function groupProcesses(
  snapshot: Snapshot,
  executableOf: (pid: number) => string | undefined,
  identify: Identify,
): ProcessGroup[] {
  const known = new Map<Process, ServiceKnowledge | undefined>();
  for (const process of snapshot.processes.values()) known.set(process, identify(process, executableOf(process.pid)));
  const groups = new Map<string, ProcessGroup>();
  for (const process of snapshot.processes.values()) {
    if (process.pid === 1 || process.pid === 2 || process.ppid === 2) continue;
    const root = rootOf(process, known);
    const { id, name } = identityOf(root, known.get(root));
    const group = groups.get(id);
    if (group) group.members.push(process);
    else groups.set(id, { id, name, root, members: [process], known: known.get(root) });
  }
  for (const group of groups.values()) {
    group.members.sort((a, b) => a.pid - b.pid);
    // The oldest of its kind stands for the group.
    group.root = group.members.find((member) => rootOf(member, known) === member) ?? group.root;
  }
  return [...groups.values()];
}

/** The process that stands for the service that this one is part of. */
function rootOf(process: Process, known: Map<Process, ServiceKnowledge | undefined>): Process {
  // A container's monitor is part of what it watches.
  const container = process.container ?? process.watches;
  if (container) return container.first ?? container.processes[0] ?? process;
  let root = process;
  const seen = new Set([process]);
  for (let at = process.parent; at && at.pid > 1 && !seen.has(at); at = at.parent) {
    seen.add(at);
    if (at.container || at.role === 'monitor') break;
    const [mine, its] = [known.get(root), known.get(at)];
    // What ssh, cron or a container runtime started is not part of it, but a known service's helpers are.
    if (mine && its !== mine) break;
    if (its && startsOthers.has(its.name)) break;
    if (!its && launchers.test(at.comm)) break;
    root = at;
  }
  return root;
}

const startsOthers = new Set([
  'sshd',
  'cron',
  'atd',
  'getty',
  'systemd',
  'supervisor',
  'runit',
  'docker',
  'containerd',
  'cri-o',
  'podman',
  'kubelet',
  'k3s',
  'vitrine',
]);

function identityOf(root: Process, known: ServiceKnowledge | undefined): { id: string; name: string } {
  const { container, comm, cmdline, unit } = root;
  if (container) {
    const name = container.name ?? known?.name ?? comm;
    return { id: `container ${container.id}`, name };
  }
  if (root.role === 'vitrine') return { id: cmdline[0]!, name: cmdline[0]!.replace('vitrine: ', 'vitrine ') };
  // Two instances of a service (postgresql@15, postgresql@16) are two units.
  const instance = unit?.endsWith('.service') ? unit : undefined;
  const name = known?.name ?? instance?.replace(/\.service$/, '') ?? comm;
  return { id: instance && instance !== `${name}.service` ? `${name} (${instance})` : name, name };
}
