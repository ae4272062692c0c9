import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { matchesNodeAffinity } from '../../api/node-selector.ts';
import { quantityMilliValue, quantityValue } from '../../api/quantity.ts';
import { tolerates } from '../../api/tolerations.ts';
import { describe, duration, oneLine, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Why a Pod has no node: what the scheduler said, and which rule fails on which node as the objects show it now. */
export function diagnoseScheduling(pod: Pod, facts: WhyFacts): Finding[] {
  const { nodeName, schedulerName = 'default-scheduler', schedulingGates = [] } = pod.spec;
  if (nodeName) return missingNode(pod, nodeName, facts);
  if ((pod.status?.phase ?? 'Pending') !== 'Pending') return [];
  const subject = describe(pod);
  if (schedulingGates.length > 0)
    return [
      {
        code: 'SchedulingGated',
        severity: 'waiting',
        subject,
        cause: `scheduling waits for gates: ${schedulingGates.map(({ name }) => name).join(', ')}`,
        evidence: [],
        hints: ['the controller that set them must remove spec.schedulingGates'],
      },
    ];
  const condition = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (condition?.status === 'False') return [unschedulable(pod, oneLine(condition.message), facts)];
  const age = facts.nowMs - Date.parse(pod.metadata.creationTimestamp);
  if (schedulerName !== 'default-scheduler')
    return [
      {
        code: 'NoScheduler',
        severity: 'error',
        subject,
        cause: `no scheduler named "${schedulerName}" has looked at it`,
        evidence: [
          `spec.schedulerName: ${schedulerName}`,
          `Pending for ${duration(age)} without a PodScheduled condition`,
        ],
        hints: ['start that scheduler, or leave spec.schedulerName out'],
      },
    ];
  return [
    {
      code: 'NotYetScheduled',
      severity: age > 10_000 ? 'error' : 'waiting',
      subject,
      cause: 'the scheduler has not looked at it yet',
      evidence: [`Pending for ${duration(age)} without a PodScheduled condition`],
      hints: age > 10_000 ? ['is the scheduler running? vitrine status'] : [],
    },
  ];
}

function missingNode(pod: Pod, nodeName: string, { nodes }: WhyFacts): Finding[] {
  if (nodes.length === 0 || nodes.some(({ metadata }) => metadata.name === nodeName)) return [];
  return [
    {
      code: 'NodeNotFound',
      severity: 'error',
      subject: describe(pod),
      cause: `it is bound to node "${nodeName}", which does not exist`,
      evidence: [`spec.nodeName: ${nodeName}`, `nodes: ${nodes.map(({ metadata }) => metadata.name).join(', ')}`],
      hints: ['leave spec.nodeName out and let the scheduler choose'],
    },
  ];
}

function unschedulable(pod: Pod, message: string, facts: WhyFacts): Finding {
  const perNode = facts.nodes.map((node) => ({ node, reasons: refusals(pod, node, facts) }));
  const all = perNode.flatMap(({ reasons }) => reasons);
  const first = all[0];
  const everywhere = first && perNode.every(({ reasons }) => reasons.some(({ rule }) => rule === first.rule));
  const claim = /persistentvolumeclaim "([^"]+)" not found|unbound immediate PersistentVolumeClaims/.exec(message);
  const cause = claim
    ? claim[1]
      ? `no node is possible: PersistentVolumeClaim "${claim[1]}" does not exist`
      : 'no node is possible: a PersistentVolumeClaim of it is not bound'
    : facts.nodes.length === 0
      ? 'no node is possible: there is no node'
      : first
        ? `no node is possible: ${everywhere ? first.short : [...new Set(all.map(({ short }) => short))].join('; ')}`
        : `no node is possible: ${message}`;
  return {
    code: 'Unschedulable',
    severity: 'error',
    subject: describe(pod),
    cause,
    evidence: [
      ...(message ? [`scheduler: ${message}`] : []),
      ...perNode
        .filter(({ reasons }) => reasons.length > 0)
        .slice(0, 8)
        .map(({ node, reasons }) => `node ${node.metadata.name}: ${reasons.map(({ text }) => text).join(', ')}`),
    ],
    hints: [...new Set(all.map(({ hint }) => hint))],
  };
}

interface Refusal {
  rule: string;
  /** Without the node's figures. */
  short: string;
  text: string;
  hint: string;
}

/** The rules that this node fails, in the order in which the scheduler's filters ask. */
function refusals(pod: Pod, node: Node, facts: WhyFacts): Refusal[] {
  const found: Refusal[] = [];
  if (node.spec?.unschedulable && !tolerates(pod.spec.tolerations, unschedulableTaint))
    found.push({
      rule: 'cordon',
      short: 'nodes are cordoned',
      text: 'cordoned (spec.unschedulable)',
      hint: `kubectl uncordon ${node.metadata.name}`,
    });
  for (const taint of node.spec?.taints ?? []) {
    const { key, value, effect } = taint;
    if (effect === 'PreferNoSchedule' || tolerates(pod.spec.tolerations, taint)) continue;
    if (key === unschedulableTaint.key && node.spec?.unschedulable) continue;
    const text = `${key}${value ? `=${value}` : ''}:${effect}`;
    found.push({
      rule: `taint ${key}`,
      short: `taint ${text} is not tolerated`,
      text: `taint ${text} is not tolerated`,
      hint: `tolerate ${key} in spec.tolerations, or remove the taint from the node`,
    });
  }
  if (!matchesNodeAffinity(pod, node)) found.push(affinityRefusal(pod, node));
  return [...found, ...resourceRefusals(pod, node, facts), ...portRefusals(pod, node, facts)];
}

const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

function affinityRefusal(pod: Pod, node: Node): Refusal {
  const labels = node.metadata.labels ?? {};
  const wrong = Object.entries(pod.spec.nodeSelector ?? {}).filter(([key, value]) => labels[key] !== value);
  const wanted = wrong.map(([key, value]) => `${key}=${value}`).join(', ');
  const has = wrong
    .map(([key]) => `${key} ${labels[key] === undefined ? 'is not set' : `is ${labels[key]}`}`)
    .join(', ');
  return wrong.length > 0
    ? {
        rule: 'nodeSelector',
        short: `no node has the label ${wanted}`,
        text: `label ${has}`,
        hint: `change spec.nodeSelector, or kubectl label node ${node.metadata.name} ${wanted.replaceAll(', ', ' ')}`,
      }
    : {
        rule: 'affinity',
        short: 'its node affinity matches no node',
        text: 'node affinity does not match',
        hint: 'change spec.affinity.nodeAffinity, or the labels of the node',
      };
}

function resourceRefusals(pod: Pod, node: Node, facts: WhyFacts): Refusal[] {
  const allocatable = node.status?.allocatable ?? {};
  const others = facts.pods.filter(
    ({ spec, status }) =>
      spec.nodeName === node.metadata.name && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  const found: Refusal[] = [];
  for (const [name, needed] of Object.entries(requestsOf(pod))) {
    if (needed === 0) continue;
    const total = amountOf(name, allocatable[name] ?? '0');
    const used = others.reduce((sum, other) => sum + (requestsOf(other)[name] ?? 0), 0);
    if (used + needed <= total) continue;
    const [need, free, all] = [needed, Math.max(0, total - used), total].map((amount) => formatAmount(name, amount));
    const why = needed > total ? `more than any node has` : 'not enough is free';
    found.push({
      rule: `insufficient ${name}`,
      short: `it requests ${need} of ${name}, ${why}`,
      text: `${name}: requests ${need}, free ${free} of ${all}`,
      hint: `lower resources.requests["${name}"], or free some on a node`,
    });
  }
  const maxPods = Number(allocatable.pods);
  if (maxPods && others.length >= maxPods)
    found.push({
      rule: 'pods',
      short: 'nodes have as many Pods as they may',
      text: `${others.length} of ${maxPods} Pods`,
      hint: 'remove Pods, or add a node',
    });
  return found;
}

/** Effective requests: the sum of containers, or the largest init container (KEP-753 sidecars count with the sum). */
export function requestsOf(pod: Pod): Record<string, number> {
  const sum: Record<string, number> = {};
  const isSidecar = ({ restartPolicy }: { restartPolicy?: string }) => restartPolicy === 'Always';
  const { initContainers = [], containers, overhead = {} } = pod.spec;
  for (const { resources } of [...containers, ...initContainers.filter(isSidecar)])
    for (const [name, text] of Object.entries(resources?.requests ?? {}))
      sum[name] = (sum[name] ?? 0) + amountOf(name, text);
  for (const { resources } of initContainers.filter((container) => !isSidecar(container)))
    for (const [name, text] of Object.entries(resources?.requests ?? {}))
      sum[name] = Math.max(sum[name] ?? 0, amountOf(name, text));
  for (const [name, text] of Object.entries(overhead)) sum[name] = (sum[name] ?? 0) + amountOf(name, text);
  return sum;
}

/** CPU in thousandths, everything else in units. */
const amountOf = (name: string, text: string) => (name === 'cpu' ? quantityMilliValue(text) : quantityValue(text));

function formatAmount(name: string, amount: number): string {
  if (name === 'cpu') return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
  if (!/memory|storage|hugepages/.test(name)) return String(amount);
  return amount >= 2 ** 30 ? `${(amount / 2 ** 30).toFixed(1)}Gi` : `${Math.round(amount / 2 ** 20)}Mi`;
}

function portRefusals(pod: Pod, node: Node, { pods }: WhyFacts): Refusal[] {
  const wanted = hostPorts(pod);
  return pods
    .filter(({ spec, metadata }) => spec.nodeName === node.metadata.name && metadata.uid !== pod.metadata.uid)
    .flatMap((other) =>
      hostPorts(other)
        .filter((port) => wanted.includes(port))
        .map((port) => ({
          rule: `hostPort ${port}`,
          short: `host port ${port} is taken on every node`,
          text: `host port ${port} is taken by ${describe(other)}`,
          hint: 'leave hostPort out and use a Service, or choose another port',
        })),
    );
}

const hostPorts = ({ spec }: Pod): string[] =>
  spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, protocol = 'TCP' }) => (hostPort ? [`${hostPort}/${protocol}`] : [])),
  );
