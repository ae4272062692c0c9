import type * as core from '../generated/core-v1.ts';
import { dns1123Label, portName, portNumber } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import {
  at,
  duplicate,
  forbiddenField,
  invalidEach,
  invalidValue,
  none,
  notFoundValue,
  notSupported,
  required,
} from './field-error.ts';
import { type VolumesByName, validateDevices, validateMounts } from './mounts.ts';
import { validateLifecycle, validateProbe } from './probe.ts';
import { validateResources } from './resources.ts';
import { validateRestartPolicy, validateStopSignal } from './restart-rules.ts';
import { validateSecurityContext } from './security-context.ts';

/** What the rules of one container need to know about its Pod. */
export interface PodContext {
  spec: core.PodSpec;
  volumes: VolumesByName;
  claimNames: ReadonlySet<string>;
}

/** Regular containers (pkg/apis/core/validation validateContainers). */
export function validateContainers(pod: PodContext, path: string): Cause[] {
  const containers = pod.spec.containers ?? [];
  if (!containers.length) return [required(path)];
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const own = at(path, i);
    errors.push(...validateCommon(container, pod, own));
    if (names.has(container.name)) errors.push(duplicate(`${own}.name`, container.name));
    names.add(container.name);
    errors.push(...validateHooks(container, pod, own));
    errors.push(...validateRestartPolicy(container, own));
  }
  return [...errors, ...validateHostPorts(containers, path)];
}

export function validateInitContainers(pod: PodContext, path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set((pod.spec.containers ?? []).map((container) => container.name));
  for (const [i, container] of (pod.spec.initContainers ?? []).entries()) {
    const own = at(path, i);
    errors.push(...validateCommon(container, pod, own));
    errors.push(...validateRestartPolicy(container, own));
    if (names.has(container.name)) errors.push(duplicate(`${own}.name`, container.name));
    else if (container.name) names.add(container.name);
    errors.push(...validateHostPorts([container], path));
    if (container.restartPolicy === 'Always') errors.push(...validateHooks(container, pod, own));
    else
      for (const field of hookFields)
        if (container[field] !== undefined)
          errors.push(
            forbiddenField(`${own}.${field}`, 'may not be set for init containers without restartPolicy=Always'),
          );
  }
  return errors;
}

export function validateEphemeralContainers(pod: PodContext, path: string): Cause[] {
  const errors: Cause[] = [];
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec;
  const others = new Set([...containers, ...initContainers].map((container) => container.name));
  const names = new Set(others);
  for (const [i, container] of ephemeralContainers.entries()) {
    const own = at(path, i);
    errors.push(...validateCommon(container as core.Container, pod, own), ...validateImageSpace(container.image, own));
    if (names.has(container.name)) errors.push(duplicate(`${own}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) errors.push(notFoundValue(`${own}.targetContainerName`, target));
    for (const field of forbiddenInEphemeral)
      if (isSet(container[field]))
        errors.push(forbiddenField(`${own}.${field}`, 'cannot be set for an Ephemeral Container'));
    for (const [j, mount] of (container.volumeMounts ?? []).entries())
      for (const field of ['subPath', 'subPathExpr'] as const)
        if (mount[field])
          errors.push(
            forbiddenField(`${at(`${own}.volumeMounts`, j)}.${field}`, 'cannot be set for an Ephemeral Container'),
          );
  }
  return errors;
}

/** Only Pods, not templates: images may not be padded. */
export function validateImageSpace(image: string | undefined, path: string): Cause[] {
  return image !== undefined && image !== image.trim()
    ? [invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace')]
    : none;
}

const hookFields = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const forbiddenInEphemeral = ['ports', 'resources', 'resizePolicy', 'restartPolicy', ...hookFields] as const;
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const protocols = ['SCTP', 'TCP', 'UDP'];

function isSet(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0);
}

function validateCommon(container: core.Container, pod: PodContext, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!container.name) errors.push(required(`${path}.name`));
  else errors.push(...invalidEach(`${path}.name`, container.name, dns1123Label(container.name)));
  if (!container.image) errors.push(required(`${path}.image`));
  errors.push(
    ...oneOf(container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'], `${path}.terminationMessagePolicy`),
  );
  if (container.ports) errors.push(...validatePorts(container.ports, `${path}.ports`));
  if (container.env) errors.push(...validateEnv(container.env, `${path}.env`));
  if (container.envFrom) errors.push(...validateEnvFrom(container.envFrom, `${path}.envFrom`));
  if (container.volumeMounts) errors.push(...validateMounts(container, pod.volumes, `${path}.volumeMounts`));
  if (container.volumeDevices) errors.push(...validateDevices(container, pod.volumes, `${path}.volumeDevices`));
  errors.push(...oneOf(container.imagePullPolicy, pullPolicies, `${path}.imagePullPolicy`));
  errors.push(...validateResources(container.resources, `${path}.resources`, pod.claimNames));
  errors.push(...validateResizePolicy(container, pod.spec, `${path}.resizePolicy`));
  errors.push(
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`, pod.spec.hostUsers !== false),
  );
  return errors;
}

function oneOf(value: string | undefined, supported: string[], path: string): Cause[] {
  if (!value) return [required(path)];
  return supported.includes(value) ? none : [notSupported(path, value, supported)];
}

function validateHooks(container: core.Container, pod: PodContext, path: string): Cause[] {
  const grace = pod.spec.terminationGracePeriodSeconds ?? 30;
  return [
    ...validateLifecycle(container.lifecycle, grace, `${path}.lifecycle`),
    ...validateStopSignal(container.lifecycle ?? {}, pod.spec.os, `${path}.lifecycle`),
    ...validateProbe(container.livenessProbe, 'livenessProbe', grace, `${path}.livenessProbe`),
    ...validateProbe(container.readinessProbe, 'readinessProbe', grace, `${path}.readinessProbe`),
    ...validateProbe(container.startupProbe, 'startupProbe', grace, `${path}.startupProbe`),
  ];
}

function validatePorts(ports: readonly core.ContainerPort[], path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const own = at(path, i);
    if (port.name) {
      const problems = portName(port.name);
      if (problems.length) errors.push(...invalidEach(`${own}.name`, port.name, problems));
      else if (names.has(port.name)) errors.push(duplicate(`${own}.name`, port.name));
      else names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${own}.containerPort`));
    else errors.push(...invalidEach(`${own}.containerPort`, port.containerPort, portNumber(port.containerPort)));
    if (port.hostPort) errors.push(...invalidEach(`${own}.hostPort`, port.hostPort, portNumber(port.hostPort)));
    errors.push(...oneOf(port.protocol, protocols, `${own}.protocol`));
  }
  return errors;
}

function validateHostPorts(containers: readonly core.Container[], path: string): Cause[] {
  const errors: Cause[] = [];
  const taken = new Set<string>();
  for (const [i, container] of containers.entries())
    for (const [j, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${at(`${at(path, i)}.ports`, j)}.hostPort`, key));
      taken.add(key);
    }
  return errors;
}

function validateResizePolicy(container: core.Container, spec: core.PodSpec, path: string): Cause[] {
  const errors: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of (container.resizePolicy ?? []).entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(at(path, i), resourceName));
    seen.add(resourceName);
    errors.push(...oneOf(resourceName, ['cpu', 'memory'], path));
    errors.push(...oneOf(restartPolicy, ['NotRequired', 'RestartContainer'], path));
    if (spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      errors.push(invalidValue(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
  }
  return errors;
}
