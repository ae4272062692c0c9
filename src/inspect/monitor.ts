/**
 * The id of the container that this process watches over, if it is a monitor: conmon(8) (Vitrine, podman, CRI-O),
 * containerd's shim (one a container, or one a Pod, then with the sandbox's id).
 */
export function monitoredContainer(comm: string, cmdline: string[]): string | undefined {
  if (comm === 'conmon') return optionValue(cmdline, ['--cid', '-c']);
  if (comm.startsWith('containerd-shim')) return optionValue(cmdline, ['-id', '--id']);
  return undefined;
}

/**
 * Containers that containerd's shims watch, whose cgroups may be called anything (--cgroup-parent): by the cgroup that is
 * usual, '/namespace/id' (oci.WithCgroup), and by the id where that is one of 64 digits. Docker's namespace is 'moby'.
 */
export function containerdTasks(
  processes: { comm: string; cmdline: string[] }[],
): Map<string, 'docker' | 'containerd'> {
  const tasks = new Map<string, 'docker' | 'containerd'>();
  for (const { comm, cmdline } of processes) {
    if (!comm.startsWith('containerd-shim')) continue;
    const namespace = optionValue(cmdline, ['-namespace', '--namespace']);
    const id = optionValue(cmdline, ['-id', '--id']) ?? '';
    const runtime = namespace === 'moby' ? 'docker' : 'containerd';
    tasks.set(`/${namespace}/${id}`, runtime);
    if (/^[0-9a-f]{64}$/.test(id)) tasks.set(id, runtime);
  }
  return tasks;
}

function optionValue(cmdline: string[], names: string[]): string | undefined {
  const index = cmdline.findIndex((word) => names.includes(word));
  return index < 0 ? undefined : cmdline[index + 1];
}
