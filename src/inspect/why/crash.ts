import type { ContainerStateTerminated, Pod } from '../../api/generated/core-v1.ts';
import { describeExit } from './exit-code.ts';
import {
  containerSpec,
  containerStatuses,
  describe,
  describeEvent,
  duration,
  eventsOf,
  type NamedStatus,
  oneLine,
  type WhyFacts,
} from './facts.ts';
import type { Finding } from './finding.ts';

/** Containers that cannot be made or do not stay: bad command, exit code, signal, memory; with their last words. */
export function diagnoseCrashes(pod: Pod, facts: WhyFacts): Finding[] {
  const found = containerStatuses(pod).flatMap((entry) => diagnoseContainer(pod, entry, facts) ?? []);
  return [...found, ...diagnoseWholePod(pod, facts)];
}

function diagnoseContainer(pod: Pod, { role, status }: NamedStatus, facts: WhyFacts): Finding | undefined {
  const { waiting, terminated, running } = status.state ?? {};
  const last = terminated ?? status.lastState?.terminated;
  const subject = describe(pod);
  if (waiting?.reason === 'CreateContainerError' || waiting?.reason === 'RunContainerError')
    return cannotStart(subject, role, status.name, waiting.message ?? last?.message ?? '', facts, pod);
  if (waiting?.reason === 'CreateContainerConfigError')
    return badConfig(subject, role, status.name, waiting.message ?? '');
  const hook = hookFailure(pod, role, status, facts);
  if (hook) return hook;
  if (!last) return undefined;
  // Done, as a Job's Pod should be; or it runs again and has done so for a while.
  const finished = terminated && terminated.exitCode === 0 && (pod.spec.restartPolicy ?? 'Always') !== 'Always';
  if (finished || (role === 'init container' && last.exitCode === 0)) return undefined;
  const stable = running?.startedAt && facts.nowMs - Date.parse(running.startedAt) > 600_000;
  const severity = running && (status.ready || stable) ? 'note' : 'error';
  if (/StartError|ContainerCannotRun/.test(last.reason ?? ''))
    return { ...cannotStart(subject, role, status.name, last.message ?? '', facts, pod), severity };
  return { ...crashed(pod, { role, status }, last, facts), severity };
}

/** The kubelet stops a container whose postStart hook fails; it may end with any code, or with success. */
function hookFailure(
  pod: Pod,
  role: string,
  { name, state }: NamedStatus['status'],
  facts: WhyFacts,
): Finding | undefined {
  if (!containerSpec(pod, name)?.lifecycle?.postStart || state?.running) return undefined;
  const events = eventsWith(pod, facts, /FailedPostStartHook/);
  if (events.length === 0 && state?.waiting?.reason !== 'PostStartHookError') return undefined;
  return {
    code: 'PostStartHook',
    severity: 'error',
    subject: describe(pod),
    cause: `${role} ${name} is stopped as its postStart hook fails`,
    evidence: [...(state?.waiting?.message ? [oneLine(state.waiting.message)] : []), ...events],
    hints: ['run the hook’s command by hand in the container'],
  };
}

function crashed(
  pod: Pod,
  { role, status }: NamedStatus,
  last: ContainerStateTerminated,
  facts: WhyFacts,
): Omit<Finding, 'severity'> {
  const key = `${pod.metadata.uid}/${status.name}`;
  const memory = facts.memory.get(key);
  const limit = containerSpec(pod, status.name)?.resources?.limits?.memory;
  const logs = facts.logs.get(key) ?? [];
  const evidence = [
    `last exit: ${last.reason ?? 'Error'}, ${describeExit(last.exitCode)}${lived(last)}`,
    ...restarts(pod, status, last, facts),
    ...(limit ? [`memory limit ${limit}${memory ? `, now used ${Math.round(memory.useBytes / 2 ** 20)}Mi` : ''}`] : []),
    ...(last.message ? [`message: ${oneLine(last.message)}`] : []),
    ...logs.map((line) => `log: ${line}`),
  ];
  const probe = eventsOf(facts, pod).find(
    ({ reason, message = '' }) =>
      reason === 'Killing' && /failed (liveness|startup) probe/.test(message) && message.includes(status.name),
  );
  const meaning = meaningOf(pod, role, status.name, last, probe !== undefined, logs);
  return {
    subject: describe(pod),
    evidence: [...evidence, ...(probe ? [describeEvent(probe, facts.nowMs)] : [])],
    ...meaning,
  };
}

function meaningOf(
  pod: Pod,
  role: string,
  name: string,
  last: ContainerStateTerminated,
  killedByProbe: boolean,
  logs: string[],
): Pick<Finding, 'code' | 'cause' | 'hints'> {
  const logHint = `kubectl logs -n ${pod.metadata.namespace} ${pod.metadata.name} -c ${name} --previous`;
  if (last.reason === 'OOMKilled')
    return {
      code: 'OOMKilled',
      cause: `${role} ${name} was killed for using more memory than its limit of ${containerSpec(pod, name)?.resources?.limits?.memory ?? 'the node'}`,
      hints: ['raise resources.limits.memory, or find what uses it', 'vitrine look the Pod: memory by process'],
    };
  if (killedByProbe)
    return {
      code: 'KilledByProbe',
      cause: `${role} ${name} is restarted because its liveness or startup probe fails`,
      hints: ['does the probe ask the right port and path? Give a slow start a startupProbe'],
    };
  if (last.exitCode === 0)
    return {
      code: 'ExitsAtOnce',
      cause: `${role} ${name} ends with success, and restartPolicy ${pod.spec.restartPolicy ?? 'Always'} starts it again`,
      hints: ['a Pod of a Deployment must not end: run a server in the foreground, or use a Job'],
    };
  if (last.exitCode === 127 || last.exitCode === 126)
    return {
      code: last.exitCode === 127 ? 'CommandNotFound' : 'CommandNotExecutable',
      cause: `${role} ${name}: ${last.exitCode === 127 ? 'a command was not found' : 'the command cannot be executed'}`,
      hints: ['check command and args, and that the image contains the program', logHint],
    };
  if (logs.some((line) => /exec format error/i.test(line)))
    return {
      code: 'ImagePlatform',
      cause: `${role} ${name}: its program is built for another processor`,
      hints: ['use an image for the platform of the node'],
    };
  return {
    code: role === 'init container' ? 'InitContainerFails' : 'Crash',
    cause: `${role} ${name} ends with ${describeExit(last.exitCode)}`,
    hints: [...(logs.length > 0 ? [] : ['it wrote no log']), logHint],
  };
}

function lived({ startedAt, finishedAt }: ContainerStateTerminated): string {
  if (!startedAt || !finishedAt) return '';
  return `, after ${duration(Date.parse(finishedAt) - Date.parse(startedAt))}`;
}

/** The kubelet's back-off: 10 s doubled up to 5 min (pkg/kubelet MaxContainerBackOff). */
function restarts(
  pod: Pod,
  status: NamedStatus['status'],
  last: ContainerStateTerminated,
  { nowMs }: WhyFacts,
): string[] {
  const { restartCount, state } = status;
  if (state?.waiting?.reason !== 'CrashLoopBackOff') return restartCount > 0 ? [`restarts: ${restartCount}`] : [];
  const text = /back-off (\S+) restarting/.exec(state.waiting.message ?? '')?.[1];
  const seconds = Math.min(300, 10 * 2 ** Math.max(0, restartCount - 1));
  const next = last.finishedAt ? Date.parse(last.finishedAt) + seconds * 1000 - nowMs : undefined;
  const when = next === undefined ? '' : next > 0 ? `, next start in about ${duration(next)}` : ', next start now';
  return [
    `restarts: ${restartCount}, back-off ${text ?? `${seconds}s`}${pod.spec.restartPolicy === 'Never' ? '' : when}`,
  ];
}

function cannotStart(subject: string, role: string, name: string, message: string, facts: WhyFacts, pod: Pod): Finding {
  const evidence = [oneLine(message), ...eventsWith(pod, facts, /^Failed$|^BackOff$/).slice(0, 1)].filter(Boolean);
  const base = { severity: 'error' as const, subject, evidence };
  const missing =
    /exec:? "?([^":]+)"?: (?:executable file not found|stat .*no such file)|executable file [`"]?([^`"' ]+)[`"']? not found/i.exec(
      message,
    );
  const program = missing?.[1] ?? missing?.[2];
  if (program || /executable file not found|no such file or directory/i.test(message))
    return {
      ...base,
      code: 'CommandNotFound',
      cause: `${role} ${name}: ${program ? `there is no program "${program}" in its image` : 'its command or a path it needs does not exist'}`,
      hints: ['check command, args and workingDir; a shell line needs ["sh", "-c", "…"]'],
    };
  if (/permission denied/i.test(message))
    return {
      ...base,
      code: 'CommandNotExecutable',
      cause: `${role} ${name}: its command ${commandOf(pod, name)}may not be executed`,
      hints: ['chmod +x it in the image, or run it by its interpreter'],
    };
  return { ...base, code: 'CannotStart', cause: `${role} ${name} cannot be started: ${oneLine(message)}`, hints: [] };
}

function commandOf(pod: Pod, name: string): string {
  const program = containerSpec(pod, name)?.command?.[0];
  return program ? `"${program}" ` : '';
}

function badConfig(subject: string, role: string, name: string, message: string): Finding {
  const base = { severity: 'error' as const, subject, evidence: [`CreateContainerConfigError: ${oneLine(message)}`] };
  const missing = /(configmap|secret) "([^"]+)" not found/i.exec(message);
  if (missing)
    return {
      ...base,
      code: missing[1]!.toLowerCase() === 'secret' ? 'SecretNotFound' : 'ConfigMapNotFound',
      cause: `${role} ${name} takes its environment from ${missing[1]} "${missing[2]}", which does not exist`,
      hints: [`create it in the Pod's namespace, or mark the reference optional`],
    };
  const key = /couldn't find key (\S+) in (ConfigMap|Secret) (\S+)/i.exec(message);
  if (key)
    return {
      ...base,
      code: 'KeyNotFound',
      cause: `${role} ${name}: ${key[2]} ${key[3]} has no key "${key[1]}"`,
      hints: ['add the key, or correct its name in the Pod'],
    };
  if (/runAsNonRoot/.test(message))
    return {
      ...base,
      code: 'RunAsNonRoot',
      cause: `${role} ${name} must not run as root, but its image does`,
      hints: ['set securityContext.runAsUser, or USER in the image to a number other than 0'],
    };
  return { ...base, code: 'BadConfig', cause: `${role} ${name} cannot be configured: ${oneLine(message)}`, hints: [] };
}

/** What ends a Pod as a whole (status.reason). */
function diagnoseWholePod(pod: Pod, { nowMs }: WhyFacts): Finding[] {
  const { reason, message, phase } = pod.status ?? {};
  const base = { subject: describe(pod), evidence: [`status: ${phase} ${reason}: ${oneLine(message)}`] };
  if (phase === 'Failed' && reason === 'Evicted')
    return [
      {
        ...base,
        code: 'Evicted',
        severity: 'error',
        cause: `the node evicted it: ${oneLine(message)}`,
        hints: ['give it requests that match its use; look at the node: vitrine why node/NAME'],
      },
    ];
  if (phase === 'Failed' && reason === 'DeadlineExceeded')
    return [
      {
        ...base,
        code: 'DeadlineExceeded',
        severity: 'error',
        cause: `it ran longer than its activeDeadlineSeconds of ${pod.spec.activeDeadlineSeconds ?? '?'}`,
        hints: ['raise activeDeadlineSeconds'],
      },
    ];
  if (phase === 'Failed' && reason)
    return [
      {
        ...base,
        code: reason,
        severity: 'error',
        cause: `the node refused or ended it: ${reason}: ${oneLine(message)}`,
        hints: [],
      },
    ];
  const { deletionTimestamp, finalizers = [] } = pod.metadata;
  if (!deletionTimestamp) return [];
  const late = nowMs - Date.parse(deletionTimestamp);
  return [
    {
      code: 'Terminating',
      severity: late > 30_000 ? 'error' : 'waiting',
      subject: describe(pod),
      cause:
        finalizers.length > 0
          ? `it is deleted and waits for finalizers: ${finalizers.join(', ')}`
          : 'it is being deleted',
      evidence: [`to be gone ${late > 0 ? `${duration(late)} ago` : `in ${duration(-late)}`}`],
      hints: late > 30_000 ? ['is the kubelet of its node running?'] : [],
    },
  ];
}

const eventsWith = (pod: Pod, facts: WhyFacts, reason: RegExp): string[] =>
  eventsOf(facts, pod)
    .filter((event) => reason.test(event.reason ?? ''))
    .slice(0, 2)
    .map((event) => describeEvent(event, facts.nowMs));
