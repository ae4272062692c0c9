/**
 * The id of the container that this process watches over, if it is a monitor: conmon(8) (Vitrine, podman, CRI-O),
 * containerd's shim (one a container, or one a Pod, then with the sandbox's id).
 */
export function monitoredContainer(comm: string, cmdline: string[]): string | undefined {
  if (comm === 'conmon') return optionValue(cmdline, ['--cid', '-c']);
  if (comm.startsWith('containerd-shim')) return optionValue(cmdline, ['-id', '--id']);
  return undefined;
}

/** Cgroups of the containers that containerd's shims watch, which may have any name: '/namespace/id' (oci.WithCgroup). */
export function containerdTasks(processes: { comm: string; cmdline: string[] }[]): Set<string> {
  const shims = processes.filter(({ comm }) => comm.startsWith('containerd-shim'));
  return new Set(
    shims.map(
      ({ cmdline }) =>
        `/${optionValue(cmdline, ['-namespace', '--namespace'])}/${optionValue(cmdline, ['-id', '--id'])}`,
    ),
  );
}

function optionValue(cmdline: string[], names: string[]): string | undefined {
  const index = cmdline.findIndex((word) => names.includes(word));
  return index < 0 ? undefined : cmdline[index + 1];
}
