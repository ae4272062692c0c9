import type { Node } from '../../api/generated/core-v1.ts';
import { describe, describeEvent, duration, eventsOf, oneLine, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** A node that is not ready, short of something, or closed to Pods. */
export function diagnoseNode(node: Node, facts: WhyFacts): Finding[] {
  const subject = describe(node);
  const conditions = node.status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready');
  const events = eventsOf(facts, node)
    .filter(({ type }) => type === 'Warning')
    .slice(0, 2)
    .map((event) => describeEvent(event, facts.nowMs));
  const found: Finding[] = [];
  if (ready?.status === 'Unknown' || !ready) {
    const since = ready?.lastHeartbeatTime
      ? `, last heard of ${duration(facts.nowMs - Date.parse(ready.lastHeartbeatTime))} ago`
      : '';
    found.push({
      code: 'KubeletSilent',
      severity: 'error',
      subject,
      cause: `its kubelet does not report${since}`,
      evidence: [`condition Ready: ${ready?.status ?? 'none'}: ${oneLine(ready?.message)}`, ...events],
      hints: ['does the node run and reach the API server? vitrine status; journalctl -u kubelet'],
    });
  } else if (ready.status === 'False')
    found.push({
      code: 'NodeNotReady',
      severity: 'error',
      subject,
      cause: `its kubelet says it is not ready: ${oneLine(ready.message)}`,
      evidence: [`condition Ready: False: ${ready.reason}`, ...events],
      hints: [],
    });
  for (const { type, status, reason, message } of conditions) {
    if (status !== 'True' || !/Pressure$|LimitsNear$|NetworkUnavailable|Problem|Deadlock/.test(type)) continue;
    found.push({
      code: type,
      severity: 'error',
      subject,
      cause: `${pressure[type] ?? `it has ${type}`}: ${oneLine(message)}`,
      evidence: [`condition ${type}: ${reason}`, ...events],
      hints: ['vitrine survey shows what uses it'],
    });
  }
  if (node.spec?.unschedulable)
    found.push({
      code: 'Cordoned',
      severity: found.length > 0 ? 'note' : 'error',
      subject,
      cause: 'it is cordoned: no new Pod is put on it',
      evidence: ['spec.unschedulable: true'],
      hints: [`kubectl uncordon ${node.metadata.name}`],
    });
  return [...found, ...taints(node)];
}

const pressure: Record<string, string> = {
  MemoryPressure: 'it is short of memory and evicts Pods',
  DiskPressure: 'it is short of disk and evicts Pods',
  PIDPressure: 'it is short of process ids',
  KernelLimitsNear: 'it will soon run out of something',
  NetworkUnavailable: 'its network is not set up',
};

function taints(node: Node): Finding[] {
  const own = (node.spec?.taints ?? []).filter(({ key }) => !key.startsWith('node.kubernetes.io/'));
  if (own.length === 0) return [];
  const list = own.map(({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`);
  return [
    {
      code: 'Tainted',
      severity: 'note',
      subject: describe(node),
      cause: `only Pods that tolerate ${list.join(', ')} are put on it`,
      evidence: [],
      hints: [],
    },
  ];
}
