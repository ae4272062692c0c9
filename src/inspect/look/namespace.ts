import { plural } from '../plural.ts';
import type { Namespace } from '../snapshot.ts';
import { containerStep } from './above.ts';
import type { Look } from './look.ts';
import { group, processNode } from './process.ts';

/** A namespace by its inode: who is in it. */
export function lookAtNamespace({ inode, kind, host, containers, members }: Namespace): Look {
  const roots = members.filter(({ parent }) => !parent || !members.includes(parent));
  const threads = members.reduce((sum, { threadCount }) => sum + threadCount, 0);
  return {
    type: 'namespace',
    title: `${kind} namespace ${inode}`,
    above: [],
    facts: [
      { name: 'of the host', value: host ? 'yes' : 'no' },
      { name: 'members', value: `${plural(members.length, 'process')} with ${plural(threads, 'thread')}` },
    ],
    below: [
      ...group('container', [...containers].map(containerStep)),
      ...group(
        'process',
        roots.map((process) => (host ? { ...processNode(process), children: [] } : processNode(process))),
      ),
    ],
  };
}
