/**
 * The id of the container that this process watches over, if it is a monitor: conmon(8) (Vitrine, podman, CRI-O),
 * containerd's shim (one a container, or one a Pod, then with the sandbox's id).
 */
export function monitoredContainer(comm: string, cmdline: string[]): string | undefined {
  if (comm === 'conmon') return optionValue(cmdline, ['--cid', '-c']);
  if (comm.startsWith('containerd-shim')) return optionValue(cmdline, ['-id', '--id']);
  return undefined;
}

function optionValue(cmdline: string[], names: string[]): string | undefined {
  const index = cmdline.findIndex((word) => names.includes(word));
  return index < 0 ? undefined : cmdline[index + 1];
}
