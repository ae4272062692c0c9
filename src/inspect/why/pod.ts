import type { Pod } from '../../api/generated/core-v1.ts';
import { diagnoseCrashes } from './crash.ts';
import { diagnoseDns } from './dns.ts';
import { containerStatuses, describe, describeEvent, duration, eventsOf, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { diagnoseImages } from './image.ts';
import { diagnoseProbes } from './probe.ts';
import { diagnoseScheduling } from './unschedulable.ts';
import { diagnoseVolumes } from './volume.ts';

/** Every family of causes of a Pod, in the order in which a Pod meets them; a name not found explains the crash after it. */
const families: ((pod: Pod, facts: WhyFacts) => Finding[])[] = [
  diagnoseVolumes,
  diagnoseScheduling,
  diagnoseImages,
  diagnoseDns,
  diagnoseCrashes,
  diagnoseProbes,
  diagnoseSandbox,
];

/** Nothing is found of a Pod that is ready or done. */
export function diagnosePod(pod: Pod, facts: WhyFacts): Finding[] {
  if (isWell(pod)) return familiesOf(pod, facts).filter(({ severity }) => severity === 'note');
  const found = familiesOf(pod, facts);
  return found.some(({ severity }) => severity !== 'note') ? found : [...found, ...notYet(pod, facts)];
}

const familiesOf = (pod: Pod, facts: WhyFacts) => families.flatMap((diagnose) => diagnose(pod, facts));

function isWell({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp) return false;
  if (status?.phase === 'Succeeded') return true;
  return status?.conditions?.some(({ type, status: its }) => type === 'Ready' && its === 'True') ?? false;
}

/** The Pod's network or its sandbox could not be made. */
function diagnoseSandbox(pod: Pod, facts: WhyFacts): Finding[] {
  if (pod.status?.phase !== 'Pending') return [];
  const event = eventsOf(facts, pod).find(({ reason = '' }) => /FailedCreatePodSandBox|NetworkNotReady/.test(reason));
  if (!event) return [];
  return [
    {
      code: 'SandboxFailed',
      severity: 'error',
      subject: describe(pod),
      cause: `its namespaces or its network cannot be made: ${event.message}`,
      evidence: [describeEvent(event, facts.nowMs)],
      hints: ['look at the log of the node: vitrine status names it'],
    },
  ];
}

/** It is on its way, or we do not know. */
function notYet(pod: Pod, facts: WhyFacts): Finding[] {
  const waiting = containerStatuses(pod).flatMap(({ role, status }) =>
    status.state?.waiting ? [`${role} ${status.name}: ${status.state.waiting.reason ?? 'waiting'}`] : [],
  );
  const age = facts.nowMs - Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp);
  const node = facts.nodes.find(({ metadata }) => metadata.name === pod.spec.nodeName);
  const nodeReady = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const lost = node && nodeReady !== 'True';
  return [
    {
      code: lost ? 'NodeNotReady' : 'Starting',
      severity: lost || age > 120_000 ? 'error' : 'waiting',
      subject: describe(pod),
      cause: lost
        ? `its node ${node.metadata.name} is not ready, so its state is unknown`
        : `it is ${pod.status?.phase ?? 'Pending'} and not ready yet, since ${duration(age)}`,
      evidence: [
        ...waiting,
        ...eventsOf(facts, pod)
          .slice(0, 3)
          .map((event) => describeEvent(event, facts.nowMs)),
      ],
      hints: lost ? [`vitrine why node/${node.metadata.name}`] : [],
    },
  ];
}
