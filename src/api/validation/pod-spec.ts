import { isIP } from 'node:net';
import type * as core from '../generated/core-v1.ts';
import { dns1123Label, dns1123Subdomain, inRange, qualifiedName } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './containers.ts';
import {
  at,
  duplicate,
  forbiddenField,
  invalidEach,
  invalidValue,
  none,
  notSupported,
  required,
} from './field-error.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validateQuantity, validateResources } from './resources.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts';
import { validateHostUsers, validatePodSecurityContext } from './security-context.ts';
import { validateVolumes } from './volumes.ts';

/** Where the spec stands: in a Pod with this name, or in a template of some other kind. */
export interface PodSpecOwner {
  isPod: boolean;
  name?: string;
}

/** A Pod's spec, defaults filled in (pkg/apis/core/validation ValidatePodSpec). */
export function validatePodSpec(spec: core.PodSpec, path: string, owner: PodSpecOwner): Cause[] {
  const volumes = spec.volumes ?? [];
  const pod = {
    spec,
    volumes: new Map(volumes.map((volume) => [volume.name, volume])),
    claimNames: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
  };
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : none),
    ...validateVolumes(volumes, owner.name, `${path}.volumes`),
    ...validateResourceClaims(spec.resourceClaims ?? [], `${path}.resourceClaims`),
    ...validateContainers(pod, `${path}.containers`),
    ...validateInitContainers(pod, `${path}.initContainers`),
    ...validateEphemeralContainers(pod, `${path}.ephemeralContainers`),
    ...validateHostNetworkPorts(spec, `${path}.containers`, owner),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${path}.restartPolicy`),
    ...oneOf(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurityContext(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateDnsConfig(spec, `${path}.dnsConfig`),
    ...validateGates(spec, path),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...validateHostUsers(spec, path),
    ...validateReferences(spec, path),
    ...validateScalars(spec, path),
    ...validateTolerations(spec.tolerations ?? [], `${path}.tolerations`),
    ...validateHostAliases(spec.hostAliases ?? [], `${path}.hostAliases`),
    ...validateResources(spec.resources, `${path}.resources`),
    ...Object.entries(spec.overhead ?? {}).flatMap(([name, amount]) =>
      validateQuantity(name, amount, `${path}.overhead[${name}]`),
    ),
    ...(spec.os ? oneOf(spec.os.name, ['linux', 'windows'], `${path}.os.name`) : none),
  ];
}

/** A Pod template (ValidatePodTemplateSpec). */
export function validatePodTemplate(template: core.PodTemplateSpec, path: string): Cause[] {
  const { metadata = {}, spec } = template;
  const errors = [
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...(spec ? validatePodSpec(spec, `${path}.spec`, { isPod: false }) : [required(`${path}.spec.containers`)]),
  ];
  if (spec?.ephemeralContainers?.length)
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  return errors;
}

/** An address, in the words of validation.IsValidIP. */
export function validateIp(address: string, path: string): Cause[] {
  return isIP(address)
    ? none
    : [invalidValue(path, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
}

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

function oneOf(value: string | undefined, supported: string[], path: string): Cause[] {
  if (!value) return [required(path)];
  return supported.includes(value) ? none : [notSupported(path, value, supported)];
}

function validateResourceClaims(claims: readonly core.PodResourceClaim[], path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, claim] of claims.entries()) {
    const own = at(path, i);
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) errors.push(required(`${own}.name`));
    else if (names.has(name)) errors.push(duplicate(`${own}.name`, name));
    else errors.push(...invalidEach(`${own}.name`, name, dns1123Label(name)));
    names.add(name);
    const both = '`resourceClaimName` or `resourceClaimTemplateName`';
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      errors.push(invalidValue(own, claim, `at most one of ${both} may be specified`));
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      errors.push(invalidValue(own, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
  }
  return errors;
}

/** With the host's network a container port is a host port; in templates it may still be left out. */
function validateHostNetworkPorts(spec: core.PodSpec, path: string, owner: PodSpecOwner): Cause[] {
  if (!spec.hostNetwork) return none;
  return (spec.containers ?? []).flatMap((container, i) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, containerPort }, j) =>
      (owner.isPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalidValue(
              `${at(`${at(path, i)}.ports`, j)}.hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : none,
    ),
  );
}

function validateDnsConfig({ dnsConfig, dnsPolicy }: core.PodSpec, path: string): Cause[] {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (!dnsConfig.nameservers?.length)
      return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  }
  if (!dnsConfig) return none;
  const { nameservers = [], searches = [], options = [] } = dnsConfig;
  const errors: Cause[] = [];
  if (nameservers.length > 3)
    errors.push(invalidValue(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  errors.push(...nameservers.flatMap((server, i) => validateIp(server, at(`${path}.nameservers`, i))));
  if (searches.length > 32)
    errors.push(invalidValue(`${path}.searches`, searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048)
    errors.push(
      invalidValue(
        `${path}.searches`,
        searches,
        'must not have more than 2048 characters (including spaces) in the search list',
      ),
    );
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '').replace(/(^|\.)_/g, '$1');
    errors.push(...invalidEach(at(`${path}.searches`, i), search, dns1123Subdomain(name)));
  }
  for (const [i, option] of options.entries())
    if (!option.name) errors.push(required(at(`${path}.options`, i), 'must not be empty'));
  return errors;
}

function validateGates(spec: core.PodSpec, path: string): Cause[] {
  const errors = (spec.readinessGates ?? []).flatMap(({ conditionType }, i) =>
    invalidEach(`${at(`${path}.readinessGates`, i)}.conditionType`, conditionType, qualifiedName(conditionType)),
  );
  const seen = new Set<string>();
  for (const [i, { name }] of (spec.schedulingGates ?? []).entries()) {
    const own = at(`${path}.schedulingGates`, i);
    errors.push(...invalidEach(own, name, qualifiedName(name)));
    if (seen.has(name)) errors.push(duplicate(own, name));
    seen.add(name);
  }
  return errors;
}

/** Names of other objects. */
function validateReferences(spec: core.PodSpec, path: string): Cause[] {
  const errors: Cause[] = [];
  for (const field of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'] as const) {
    const name = spec[field];
    if (name || (field === 'runtimeClassName' && name === ''))
      errors.push(...invalidEach(`${path}.${field}`, name, dns1123Subdomain(name)));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const name = spec[field];
    if (name) errors.push(...invalidEach(`${path}.${field}`, name, dns1123Label(name)));
  }
  return errors;
}

function validateScalars(spec: core.PodSpec, path: string): Cause[] {
  const errors: Cause[] = [];
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined)
    errors.push(...invalidEach(`${path}.activeDeadlineSeconds`, deadline, inRange(deadline, 1, 2 ** 31 - 1)));
  const preemption = spec.preemptionPolicy as string | undefined;
  if (preemption !== undefined)
    errors.push(...oneOf(preemption, ['PreemptLowerPriority', 'Never'], `${path}.preemptionPolicy`));
  return errors;
}

function validateHostAliases(aliases: readonly core.HostAlias[], path: string): Cause[] {
  return aliases.flatMap(({ ip, hostnames = [] }, i) => [
    ...validateIp(ip, `${at(path, i)}.ip`),
    ...hostnames.flatMap((name, j) => invalidEach(at(`${at(path, i)}.hostnames`, j), name, dns1123Subdomain(name))),
  ]);
}
