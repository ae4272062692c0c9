import type { World } from './world.ts';

export interface Finding {
  id: string;
  kind: string;
  name: string;
  note: string;
}

const most = 200;

/** What matches all words, the closest first: name before address, image and command line. */
export function search(world: World, text: string): Finding[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const findings: { finding: Finding; rank: number }[] = [];
  const consider = (finding: Finding, more: string) => {
    const name = finding.name.toLowerCase();
    const whole = `${name} ${finding.kind.toLowerCase()} ${finding.note.toLowerCase()} ${more.toLowerCase()}`;
    if (!words.every((word) => whole.includes(word))) return;
    const inName = words.every((word) => name.includes(word));
    const first = words[0] as string;
    findings.push({ finding, rank: name === first ? 0 : name.startsWith(first) ? 1 : inName ? 2 : 3 });
  };
  for (const { id, kind, name, namespace, status, addresses = [] } of world.objects.values())
    consider({ id, kind, name, note: namespace }, `${status} ${addresses.join(' ')}`);
  for (const { id, name, image, pod, status } of world.containers.values())
    consider(
      { id, kind: 'container', name, note: world.objects.get(pod ?? '')?.name ?? '' },
      `${image} ${status} ${id}`,
    );
  for (const { id, pid, name, command, user } of world.processes.values())
    consider({ id, kind: 'process', name: `${pid} ${name}`, note: user }, command);
  findings.sort((a, b) => a.rank - b.rank);
  return findings.slice(0, most).map(({ finding }) => finding);
}
