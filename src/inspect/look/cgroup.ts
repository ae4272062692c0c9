import { plural } from '../plural.ts';
import type { Process } from '../snapshot.ts';
import { containerStep, containerSteps } from './above.ts';
import { pressureFacts, readingFacts } from './container.ts';
import type { Look, LookContext } from './look.ts';
import { group, processNode } from './process.ts';

/** A cgroup by its path in the hierarchy: whose it is, use and limits, its processes and those below it. */
export function lookAtCgroup(path: string, { snapshot }: LookContext): Look | undefined {
  const wanted = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const entry = snapshot.cgroups.get(wanted);
  const below = [...snapshot.cgroups.values()].filter(({ path: its }) => its.startsWith(`${wanted}/`));
  if (!entry && below.length === 0) return undefined;
  const reading = snapshot.readCgroup(wanted);
  const members: Process[] = entry?.processes ?? [];
  const container = entry?.container;
  return {
    type: 'cgroup',
    title: `cgroup ${wanted}`,
    above: container ? [...containerSteps(container, snapshot), containerStep(container)] : [],
    facts: [
      ...(members[0]?.unit ? [{ name: 'unit', value: members[0].unit }] : []),
      ...(members[0]?.package ? [{ name: 'package', value: members[0].package }] : []),
      {
        name: 'processes',
        value: `${members.length}, ${below.reduce((sum, { processes }) => sum + processes.length, 0)} in cgroups below`,
      },
      ...(reading ? readingFacts(reading) : []),
      ...pressureFacts(wanted, snapshot),
    ],
    below: [
      ...members.filter(({ parent }) => !parent || !members.includes(parent)).map(processNode),
      ...group(
        'cgroup',
        below.map(({ path: its, processes }) => ({
          type: 'cgroup',
          text: `${its}   ${plural(processes.length, 'process')}`,
          children: [],
        })),
        ' below',
      ),
    ],
  };
}
