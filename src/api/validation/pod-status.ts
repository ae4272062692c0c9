import { isIPv6 } from 'node:net';
import type { Container, ContainerStatus, Pod, PodSpec } from '../generated/core-v1.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { at, duplicate, forbiddenField, invalidEach, invalidValue, none } from './field-error.ts';
import { validateIp } from './pod-spec.ts';

/** What a status may not become (pkg/apis/core/validation ValidatePodStatusUpdate). */
export function podStatusErrors(pod: Pod, old: Pod): Cause[] {
  const errors: Cause[] = [];
  const status = pod.status ?? {};
  for (const [i, { type }] of (status.conditions ?? []).entries())
    if (!systemConditions.has(type))
      errors.push(...invalidEach(`${at('metadata.conditions', i)}.Type`, type, qualifiedName(type)));
  if ((pod.spec.nodeName ?? '') !== (old.spec.nodeName ?? ''))
    errors.push(forbiddenField('status.nodeName', 'may not be changed directly'));
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== old.status?.nominatedNodeName)
    errors.push(...invalidEach('status.nominatedNodeName', nominated, dns1123Subdomain(nominated)));
  errors.push(
    ...transitionErrors(status.containerStatuses, old.status?.containerStatuses, 'containerStatuses', old.spec),
    ...transitionErrors(
      status.initContainerStatuses,
      old.status?.initContainerStatuses,
      'initContainerStatuses',
      old.spec,
    ),
    ...transitionErrors(
      status.ephemeralContainerStatuses,
      old.status?.ephemeralContainerStatuses,
      'ephemeralContainerStatuses',
      {
        ...old.spec,
        restartPolicy: 'Never',
        containers: [],
        initContainers: [],
      },
    ),
  );
  errors.push(
    ...addressErrors(
      (status.podIPs ?? []).map(({ ip }) => ip),
      status.podIPs,
      'status.podIPs',
    ),
  );
  const hostIPs = (status.hostIPs ?? []).map(({ ip }) => ip);
  if (hostIPs.length && hostIPs[0] !== (status.hostIP ?? ''))
    errors.push(invalidValue('status.hostIPs[0].ip', hostIPs[0], 'must be equal to `hostIP`'));
  errors.push(...addressErrors(hostIPs, status.hostIPs, 'status.hostIPs'));
  return errors;
}

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** A container that may not restart stays terminated. */
function transitionErrors(
  now: readonly ContainerStatus[] | undefined,
  before: readonly ContainerStatus[] | undefined,
  list: string,
  spec: PodSpec,
): Cause[] {
  if (!before || spec.restartPolicy === 'Always') return none;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  // KEP-5532: one container's end may restart the others, whatever their policy is.
  if (containers.some(mayRestartAll)) return none;
  const errors: Cause[] = [];
  for (const [i, old] of before.entries()) {
    const terminated = old.state?.terminated;
    if (!terminated) continue;
    if (terminated.exitCode !== 0 && spec.restartPolicy === 'OnFailure') continue;
    const container = containers.find(({ name }) => name === old.name);
    const own = container?.restartPolicy as string | undefined;
    if (own === 'Always' || container?.restartPolicyRules?.length) continue;
    if (own === 'OnFailure' && terminated.exitCode !== 0) continue;
    if (now?.some(({ name, state }) => name === old.name && !state?.terminated))
      errors.push(
        forbiddenField(`${at(`status.${list}`, i)}.state`, 'may not be transitioned to non-terminated state'),
      );
  }
  return errors;
}

const mayRestartAll = ({ restartPolicyRules }: Container) =>
  restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers');

/** At most one address of each family. */
function addressErrors(addresses: readonly string[], shown: unknown, path: string): Cause[] {
  const errors = addresses.flatMap((address, i) => validateIp(address, at(path, i)));
  if (addresses.length < 2) return errors;
  const families = new Set(addresses.map(isIPv6));
  if (families.size < 2 || addresses.length > 2)
    errors.push(invalidValue(path, shown, 'may specify no more than one IP for each IP family'));
  const seen = new Set<string>();
  for (const [i, ip] of addresses.entries()) {
    if (seen.has(ip)) errors.push(duplicate(at(path, i), { ip }));
    seen.add(ip);
  }
  return errors;
}
