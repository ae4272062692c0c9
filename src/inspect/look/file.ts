import { readFileFacts, readOpeners } from '../../linux/open-files.ts';
import { plural } from '../plural.ts';
import { size } from '../size.ts';
import { above } from './above.ts';
import type { Look, LookContext } from './look.ts';
import { processNode } from './process.ts';

/** Who has a file, a directory or what is below it open, runs it, maps it, or works in it. */
export function lookAtFile(path: string, { snapshot }: LookContext): Look[] {
  const facts = readFileFacts(path);
  const openers = readOpeners(snapshot.processes.keys(), path);
  if (!facts && openers.length === 0) return [];
  return [
    {
      type: 'file',
      title: `${facts?.type ?? 'file'} ${path}`,
      above: [],
      facts: [
        ...(facts
          ? [
              { name: 'size', value: size(facts.sizeBytes) },
              { name: 'changed', value: new Date(facts.changedAtMs).toISOString() },
            ]
          : [{ name: 'exists', value: 'no longer' }]),
        { name: 'used by', value: plural(openers.length, 'process') },
      ],
      below: openers.slice(0, 100).flatMap(({ pid, how }) => {
        const process = snapshot.processes.get(pid);
        if (!process) return [];
        const owner = above(process, snapshot)
          .map(({ text }) => text)
          .join(' › ');
        return [
          {
            ...processNode(process),
            text: `${processNode(process).text}: ${how.join(', ')}${owner ? `   ${owner}` : ''}`,
            children: [],
          },
        ];
      }),
    },
  ];
}
