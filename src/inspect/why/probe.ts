import type { Container, Pod, Probe } from '../../api/generated/core-v1.ts';
import { containerStatuses, describe, describeEvent, eventsOf, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Containers that run but are not ready: what the probe asks, what it got, and what listens. */
export function diagnoseProbes(pod: Pod, facts: WhyFacts): Finding[] {
  const failing = containerStatuses(pod).flatMap(({ role, status }): Finding[] => {
    if (role !== 'container' || !status.state?.running || status.ready) return [];
    const container = pod.spec.containers.find(({ name }) => name === status.name);
    const [kind, probe] =
      status.started === false && container?.startupProbe
        ? (['startup', container.startupProbe] as const)
        : (['readiness', container?.readinessProbe] as const);
    return container && probe ? [probeFinding(pod, container, kind, probe, facts)] : [];
  });
  return failing.length > 0 ? failing : readinessGates(pod);
}

function probeFinding(pod: Pod, container: Container, kind: string, probe: Probe, facts: WhyFacts): Finding {
  const failures = eventsOf(facts, pod).filter(
    ({ reason, message = '' }) => reason === 'Unhealthy' && message.toLowerCase().startsWith(kind),
  );
  const got = failures[0]?.message?.replace(/^\w+ probe \w+: ?/, '').trim();
  const port = probePort(container, probe);
  const listening = facts.listening.get(pod.metadata.uid);
  const sockets = listening?.filter((socket) => socket.port === port);
  const evidence = [
    `${kind} probe asks: ${describeProbe(pod, container, probe)}`,
    ...(got ? [`it got: ${got}`] : []),
    ...(failures[0] ? [describeEvent(failures[0], facts.nowMs)] : []),
    ...(listening
      ? [`listening in the Pod: ${listening.map((s) => `${s.address}:${s.port}`).join(', ') || 'nothing'}`]
      : []),
  ];
  const base = { subject: describe(pod), evidence };
  const what = `container ${container.name} is not ready`;
  if (port === undefined && (probe.httpGet ?? probe.tcpSocket))
    return {
      ...base,
      code: 'ProbePortUnknown',
      severity: 'error',
      cause: `${what}: its ${kind} probe asks port "${String((probe.httpGet ?? probe.tcpSocket)?.port)}", which no port of the container is called`,
      hints: ['name the port in containers[].ports, or give the probe a number'],
    };
  if (sockets?.length === 0 && port !== undefined)
    return {
      ...base,
      code: 'ProbePortClosed',
      severity: 'error',
      cause: `${what}: its ${kind} probe asks port ${port}, on which nothing listens`,
      hints: ['correct the probe’s port, or what the program listens on'],
    };
  if (sockets && sockets.length > 0 && sockets.every(({ address }) => /^127\.|^::1$/.test(address)))
    return {
      ...base,
      code: 'ProbePortLoopback',
      severity: 'error',
      cause: `${what}: the program listens on ${sockets[0]!.address} only, where no probe and no Service reaches it`,
      hints: ['let it listen on 0.0.0.0 or ::'],
    };
  if (!got)
    return {
      ...base,
      code: 'ProbePending',
      severity: 'waiting',
      cause: `${what} yet: its ${kind} probe has not succeeded`,
      hints: [],
    };
  return {
    ...base,
    code: 'ProbeFailing',
    severity: 'error',
    cause: `${what}: its ${kind} probe fails: ${got}`,
    hints: hintsFor(got),
  };
}

function hintsFor(got: string): string[] {
  if (/statuscode: 404/.test(got)) return ['the program answers, but not at this path: correct httpGet.path'];
  if (/statuscode: 40[13]/.test(got)) return ['the path needs a login: choose one that does not'];
  if (/statuscode: 5/.test(got)) return ['the program says itself that it is not healthy: read its log'];
  if (/refused/.test(got)) return ['nothing listens on that port: correct the port, or wait for a slow start'];
  if (/deadline|timeout|timed out/i.test(got)) return ['the answer takes longer than timeoutSeconds (default 1)'];
  return [];
}

/** The number of the port that the probe asks; undefined when it is a name that the container does not have. */
function probePort(container: Container, probe: Probe): number | undefined {
  const port = probe.httpGet?.port ?? probe.tcpSocket?.port ?? probe.grpc?.port;
  if (typeof port === 'number') return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

function describeProbe(pod: Pod, container: Container, probe: Probe): string {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  const port = probePort(container, probe) ?? String((httpGet ?? tcpSocket)?.port);
  const timing = `every ${probe.periodSeconds ?? 10}s, ${probe.failureThreshold ?? 3} failures count`;
  if (exec) return `${(exec.command ?? []).join(' ')} (${timing})`;
  const host = httpGet?.host ?? tcpSocket?.host ?? pod.status?.podIP ?? 'the Pod';
  if (httpGet)
    return `GET ${(httpGet.scheme ?? 'HTTP').toLowerCase()}://${host}:${port}${httpGet.path ?? '/'} (${timing})`;
  return `${grpc ? 'gRPC' : 'TCP'} ${host}:${port} (${timing})`;
}

function readinessGates(pod: Pod): Finding[] {
  const conditions = pod.status?.conditions ?? [];
  const open = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => conditions.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (open.length === 0 || pod.status?.phase !== 'Running') return [];
  return [
    {
      code: 'ReadinessGate',
      severity: 'error',
      subject: describe(pod),
      cause: `it is not ready: nobody has set its readiness gate ${open.map(({ conditionType }) => conditionType).join(', ')}`,
      evidence: open.map(({ conditionType }) => `spec.readinessGates: ${conditionType}`),
      hints: ['the controller that the gate is for must set the condition in the Pod’s status'],
    },
  ];
}
