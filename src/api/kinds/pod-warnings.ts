import type { Container, Pod, PodSpec, PodTemplateSpec } from '../generated/core-v1.ts';
import { dns1123Label } from '../names.ts';
import { parseQuantity } from '../quantity.ts';

/** What a user should know about a Pod that is accepted all the same (pkg/api/pod/warnings.go). */
export function podWarnings(pod: Pod): string[] {
  const warnings: string[] = [];
  const name = pod.metadata.name ?? '';
  const problems = dns1123Label(name);
  if (problems.length)
    warnings.push(
      `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
    );
  return [...warnings, ...podSpecWarnings(pod.spec, 'spec')];
}

/** The same for a template of some workload. */
export function podTemplateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  return template?.spec ? podSpecWarnings(template.spec, `${path}.spec`) : [];
}

const deprecatedNodeLabels = new Map([
  ['beta.kubernetes.io/arch', 'kubernetes.io/arch'],
  ['beta.kubernetes.io/os', 'kubernetes.io/os'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
]);

function podSpecWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const instead = deprecatedNodeLabels.get(key);
    if (instead) warnings.push(`${path}.nodeSelector[${key}]: deprecated since v1.14; use "${instead}" instead`);
  }
  for (const [i, volume] of (spec.volumes ?? []).entries())
    if (volume.gitRepo)
      warnings.push(`${path}.volumes[${i}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`);
  for (const [i, { name }] of (spec.imagePullSecrets ?? []).entries())
    if (!name) warnings.push(`${path}.imagePullSecrets[${i}]: invalid empty name ""`);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  for (const list of ['initContainers', 'containers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries())
      warnings.push(...containerWarnings(container, `${path}.${list}[${i}]`));
  return warnings;
}

function containerWarnings(container: Container, path: string): string[] {
  const warnings: string[] = [];
  for (const kind of ['limits', 'requests'] as const)
    for (const resource of ['memory', 'ephemeral-storage']) {
      const amount = container.resources?.[kind]?.[resource];
      if (amount !== undefined && parseQuantity(amount).nanos % 1_000_000_000n !== 0n)
        warnings.push(
          `${path}.resources.${kind}[${resource}]: fractional byte value "${amount}" is invalid, must be an integer`,
        );
    }
  const names = new Map<string, number>();
  for (const [i, { name }] of (container.env ?? []).entries()) {
    if (names.has(name))
      warnings.push(`${path}.env[${i}]: hides previous definition of "${name}", which may be dropped when using apply`);
    names.set(name, i);
  }
  const ports = new Map<string, number>();
  for (const [i, port] of (container.ports ?? []).entries()) {
    const key = `${port.protocol}/${port.containerPort}/${port.hostPort ?? 0}/${port.hostIP ?? ''}`;
    const first = ports.get(key);
    if (first !== undefined)
      warnings.push(`${path}.ports[${i}]: duplicate port definition with ${path}.ports[${first}]`);
    else ports.set(key, i);
  }
  return warnings;
}
