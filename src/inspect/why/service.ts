import type { Pod, Service, ServicePort } from '../../api/generated/core-v1.ts';
import { describe, describeEvent, eventsOf, similarName, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { diagnosePod } from './pod.ts';
import { policiesThatDrop } from './policy.ts';

/** A Service without endpoints, or with ones that do not answer: selector, readiness, ports, policies, address. */
export function diagnoseService(service: Service, facts: WhyFacts): Finding[] {
  const { selector = {}, type } = service.spec;
  if (type === 'ExternalName') return externalName(service);
  if (Object.keys(selector).length === 0) return withoutSelector(service, facts);
  const inNamespace = facts.pods.filter(({ metadata }) => metadata.namespace === service.metadata.namespace);
  const selected = inNamespace.filter((pod) => matches(selector, pod));
  if (selected.length === 0) return [noPods(service, inNamespace, facts), ...loadBalancer(service, facts)];
  const ready = selected.filter(isReady);
  const ports = (service.spec.ports ?? []).flatMap((port) => diagnosePort(service, port, selected, facts));
  if (ready.length > 0) return [...ports, ...partlyReady(service, selected, ready), ...loadBalancer(service, facts)];
  return [...selected.flatMap((pod) => diagnosePod(pod, facts)), notReady(service, selected), ...ports];
}

const matches = (selector: Record<string, string>, { metadata }: Pod) =>
  Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);

const isReady = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status: its }) => type === 'Ready' && its === 'True') ?? false;

const formatLabels = (labels: Record<string, string> = {}) =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',') || 'no labels';

function noPods(service: Service, pods: Pod[], facts: WhyFacts): Finding {
  const { selector = {} } = service.spec;
  const elsewhere = facts.pods.filter((pod) => matches(selector, pod));
  const labels = [...new Set(pods.map(({ metadata }) => formatLabels(metadata.labels)))];
  const alike = Object.entries(selector).flatMap(([key, value]) => {
    const values = pods.flatMap(({ metadata }) => metadata.labels?.[key] ?? []);
    const near = values.includes(value) ? undefined : (similarName(value, values) ?? values[0]);
    return near ? [`Pods here have ${key}=${near}: was that meant instead of ${key}=${value}?`] : [];
  });
  const workload = facts.workloads.find(({ metadata, ...rest }) => {
    const template = (rest as { spec?: { template?: { metadata?: { labels?: Record<string, string> } } } }).spec
      ?.template;
    return (
      metadata.namespace === service.metadata.namespace &&
      Object.entries(selector).every(([key, value]) => template?.metadata?.labels?.[key] === value)
    );
  });
  return {
    code: 'NoPodsSelected',
    severity: 'error',
    subject: describe(service),
    cause: workload
      ? `it has no endpoints: ${describe(workload)} has no Pods`
      : `it has no endpoints: its selector ${formatLabels(selector)} matches no Pod`,
    evidence: [
      `selector: ${formatLabels(selector)}`,
      `labels of the Pods in namespace ${service.metadata.namespace}: ${labels.slice(0, 4).join(' | ') || 'there is no Pod'}`,
      ...elsewhere
        .slice(0, 2)
        .map((pod) => `${describe(pod)} matches, but a Service selects in its own namespace only`),
    ],
    hints: workload ? [`vitrine why ${workload.kind.toLowerCase()}/${workload.metadata.name}`] : alike,
  };
}

function notReady(service: Service, selected: Pod[]): Finding {
  return {
    code: 'NoReadyPods',
    severity: 'error',
    subject: describe(service),
    cause: `it has no ready endpoints: none of its ${selected.length} Pod${selected.length === 1 ? '' : 's'} is ready`,
    evidence: selected.slice(0, 5).map((pod) => `${describe(pod)}: ${pod.status?.phase}, not ready`),
    hints: [],
  };
}

function partlyReady(service: Service, selected: Pod[], ready: Pod[]): Finding[] {
  if (ready.length === selected.length) return [];
  const others = selected.filter((pod) => !ready.includes(pod));
  return [
    {
      code: 'SomePodsNotReady',
      severity: 'note',
      subject: describe(service),
      cause: `${ready.length} of its ${selected.length} Pods are ready`,
      evidence: others.slice(0, 5).map((pod) => `${describe(pod)}: ${pod.status?.phase}, not ready`),
      hints: others.slice(0, 1).map(({ metadata }) => `vitrine why pod/${metadata.name} -n ${metadata.namespace}`),
    },
  ];
}

function diagnosePort(service: Service, port: ServicePort, pods: Pod[], facts: WhyFacts): Finding[] {
  const target = port.targetPort ?? port.port;
  const declared = [...new Set(pods.flatMap(({ spec }) => spec.containers.flatMap(({ ports = [] }) => ports)))];
  const list = [
    ...new Set(
      declared.map(
        ({ name, containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}${name ? ` (${name})` : ''}`,
      ),
    ),
  ];
  const evidence = [
    `port ${port.name ?? ''}${port.name ? ' ' : ''}${port.port} → target ${target}/${port.protocol ?? 'TCP'}`,
    `ports of its Pods: ${list.join(', ') || 'none declared'}`,
  ];
  const base = { severity: 'error' as const, subject: describe(service) };
  const named = declared.find(({ name }) => name === target);
  if (typeof target === 'string' && !named)
    return [
      {
        ...base,
        code: 'TargetPortUnknown',
        cause: `port ${port.port} goes nowhere: no container of its Pods has a port named "${target}"`,
        evidence,
        hints: [`name a containerPort "${target}", or use a number`],
      },
    ];
  const number = typeof target === 'number' ? target : named?.containerPort;
  const protocol = declared.find(({ containerPort }) => containerPort === number)?.protocol ?? 'TCP';
  if (declared.some(({ containerPort }) => containerPort === number) && protocol !== (port.protocol ?? 'TCP'))
    return [
      {
        ...base,
        code: 'ProtocolMismatch',
        cause: `port ${port.port} is ${port.protocol ?? 'TCP'}, the containers' port ${number} is ${protocol}`,
        evidence,
        hints: ['set the same protocol on both'],
      },
    ];
  const dropping = pods[0] ? policiesThatDrop(pods[0], number, facts) : [];
  if (dropping.length > 0)
    return [
      {
        ...base,
        code: 'PolicyDrops',
        cause: `nobody may reach port ${number} of its Pods: NetworkPolicy ${dropping.map(({ metadata }) => metadata.name).join(', ')} allows no ingress to it`,
        evidence,
        hints: ['allow it in a policy’s spec.ingress'],
      },
    ];
  return listeners(base, port, number, protocol, pods, evidence, facts);
}

/** What the kernel says: whether something listens there inside the Pods, as far as we can see them. */
function listeners(
  base: Pick<Finding, 'severity' | 'subject'>,
  port: ServicePort,
  number: number | undefined,
  protocol: string,
  pods: Pod[],
  evidence: string[],
  facts: WhyFacts,
): Finding[] {
  const seen = pods.find(({ metadata }) => facts.listening.has(metadata.uid));
  const sockets = seen && facts.listening.get(seen.metadata.uid);
  const wrongDeclaration = evidence[1]?.includes('none declared') !== true && !evidence[1]?.includes(`${number}/`);
  if (!sockets || protocol !== 'TCP' || seen.status?.phase !== 'Running')
    return wrongDeclaration
      ? [
          {
            ...base,
            severity: 'note',
            code: 'TargetPortUndeclared',
            cause: `port ${port.port} goes to ${number}, which no container of its Pods declares`,
            evidence,
            hints: ['if nothing answers there, correct targetPort'],
          },
        ]
      : [];
  const there = sockets.filter((socket) => socket.port === number);
  const all = [
    ...evidence,
    `listening in ${describe(seen)}: ${sockets.map((s) => `${s.address}:${s.port}`).join(', ') || 'nothing'}`,
  ];
  if (there.length === 0)
    return [
      {
        ...base,
        code: 'TargetPortClosed',
        cause: `port ${port.port} goes to ${number}, on which nothing listens in its Pods`,
        evidence: all,
        hints: ['set targetPort to the port that the program listens on'],
      },
    ];
  if (there.every(({ address }) => /^127\.|^::1$/.test(address)))
    return [
      {
        ...base,
        code: 'ListensOnLoopback',
        cause: `the program listens on ${there[0]!.address}:${number} only, which a Service cannot reach`,
        evidence: all,
        hints: ['let it listen on 0.0.0.0 or ::'],
      },
    ];
  return [];
}

function withoutSelector(service: Service, { endpointSlices }: WhyFacts): Finding[] {
  const slices = endpointSlices.filter(
    ({ metadata }) =>
      metadata.namespace === service.metadata.namespace &&
      metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name,
  );
  if (slices.some(({ endpoints = [] }) => (endpoints ?? []).length > 0)) return [];
  return [
    {
      code: 'NoSelector',
      severity: 'error',
      subject: describe(service),
      cause: 'it has no selector and nobody has given it endpoints',
      evidence: [`EndpointSlices: ${slices.length}`],
      hints: ['set spec.selector to the labels of its Pods, or create an EndpointSlice for it'],
    },
  ];
}

function externalName(service: Service): Finding[] {
  if (service.spec.externalName) return [];
  return [
    {
      code: 'NoExternalName',
      severity: 'error',
      subject: describe(service),
      cause: 'it is of type ExternalName and names nothing',
      evidence: [],
      hints: ['set spec.externalName'],
    },
  ];
}

function loadBalancer(service: Service, facts: WhyFacts): Finding[] {
  if (service.spec.type !== 'LoadBalancer' || service.status?.loadBalancer?.ingress?.length) return [];
  return [
    {
      code: 'NoLoadBalancerAddress',
      severity: 'waiting',
      subject: describe(service),
      cause: 'nobody has given it an external address yet',
      evidence: eventsOf(facts, service)
        .slice(0, 2)
        .map((event) => describeEvent(event, facts.nowMs)),
      hints: service.spec.loadBalancerClass
        ? [`its loadBalancerClass ${service.spec.loadBalancerClass} needs a controller`]
        : [],
    },
  ];
}
