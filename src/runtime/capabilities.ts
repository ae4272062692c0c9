import { defaultCapabilities } from './oci-defaults.ts';

/**
 * The capabilities of a container (containerd pkg/cri customopts.WithCapabilities): all for a privileged one; else the
 * default set with additions and removals, 'ALL' first. What we lack ourselves cannot be given and is left out.
 */
export function capabilitiesOf(
  security: { privileged: boolean; capabilities: { add: string[]; drop: string[] } },
  available: string[],
): string[] {
  if (security.privileged) return available;
  const add = security.capabilities.add.map(fullName);
  const drop = security.capabilities.drop.map(fullName);
  let set = new Set(defaultCapabilities);
  if (add.includes('CAP_ALL')) set = new Set(available);
  if (drop.includes('CAP_ALL')) set = new Set();
  for (const name of add) if (name !== 'CAP_ALL') set.add(name);
  for (const name of drop) set.delete(name);
  return [...set].filter((name) => available.includes(name));
}

function fullName(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
