import type { Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { compileSelector } from '../../api/selectors.ts';
import type { WhyFacts } from './facts.ts';

/** Policies that isolate the Pod for ingress and none of which lets the port in from anyone. */
export function policiesThatDrop(pod: Pod, port: number | undefined, { networkPolicies }: WhyFacts): NetworkPolicy[] {
  const isolating = networkPolicies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace &&
      (spec.policyTypes ?? ['Ingress']).includes('Ingress') &&
      compileSelector(spec.podSelector ?? {})(pod.metadata.labels),
  );
  return isolating.some((policy) => allowsPort(policy, port, pod)) ? [] : isolating;
}

function allowsPort({ spec }: NetworkPolicy, port: number | undefined, pod: Pod): boolean {
  return (spec.ingress ?? []).some(
    ({ ports = [] }) =>
      ports.length === 0 ||
      port === undefined ||
      ports.some((allowed) => {
        if (allowed.port === undefined) return true;
        if (typeof allowed.port === 'string')
          return pod.spec.containers.some(({ ports: its = [] }) =>
            its.some(({ name, containerPort }) => name === allowed.port && containerPort === port),
          );
        return port >= allowed.port && port <= (allowed.endPort ?? allowed.port);
      }),
  );
}
