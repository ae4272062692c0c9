import type * as core from '../generated/core-v1.ts';
import { inRange } from '../names.ts';
import type { Cause } from '../status-error.ts';
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
import { validateDescendingPath } from './paths.ts';

/** securityContext of a container (pkg/apis/core/validation ValidateSecurityContext). */
export function validateSecurityContext(
  context: core.SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): Cause[] {
  if (!context) return none;
  const errors = [
    ...validateId(context.runAsUser, `${path}.runAsUser`),
    ...validateId(context.runAsGroup, `${path}.runAsGroup`),
  ];
  if (context.procMount !== undefined) {
    if (context.procMount !== 'Default' && context.procMount !== 'Unmasked')
      errors.push(notSupported(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']));
    else if (hostUsers && context.procMount === 'Unmasked')
      errors.push(invalidValue(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  errors.push(...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged)
      errors.push(
        invalidValue(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN'))
      errors.push(
        invalidValue(
          path,
          context,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
  }
  errors.push(...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`));
  return errors;
}

/** securityContext of a Pod (validatePodSpecSecurityContext) with the host namespaces it depends on. */
export function validatePodSecurityContext(spec: core.PodSpec, path: string): Cause[] {
  const context = spec.securityContext;
  const own = `${path}.securityContext`;
  if (!context) return none;
  const errors = [
    ...validateId(context.fsGroup, `${own}.fsGroup`),
    ...validateId(context.runAsUser, `${own}.runAsUser`),
    ...validateId(context.runAsGroup, `${own}.runAsGroup`),
    ...(context.supplementalGroups ?? []).flatMap((id, i) => validateId(id, at(`${own}.supplementalGroups`, i))),
  ];
  if (spec.shareProcessNamespace && spec.hostPID)
    errors.push(
      invalidValue(`${own}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  errors.push(...validateSysctls(context.sysctls ?? [], spec, `${own}.sysctls`));
  errors.push(
    ...oneOf(context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], `${own}.fsGroupChangePolicy`),
    ...oneOf(context.supplementalGroupsPolicy, ['Merge', 'Strict'], `${own}.supplementalGroupsPolicy`),
    ...oneOf(context.seLinuxChangePolicy, ['MountOption', 'Recursive'], `${own}.seLinuxChangePolicy`),
  );
  errors.push(...validateSeccomp(context.seccompProfile, `${own}.seccompProfile`));
  errors.push(...validateAppArmor(context.appArmorProfile, `${own}.appArmorProfile`));
  return errors;
}

/** User namespaces go with none of the host's other namespaces (validateHostUsers). */
export function validateHostUsers(spec: core.PodSpec, path: string): Cause[] {
  if (spec.hostUsers !== false) return none;
  const why = 'when `hostUsers` is false';
  const errors: Cause[] = [];
  if (spec.hostNetwork) errors.push(forbiddenField(`${path}.hostNetwork`, why));
  if (spec.hostPID) errors.push(forbiddenField(`${path}.hostPID`, why));
  if (spec.hostIPC) errors.push(forbiddenField(`${path}.hostIPC`, why));
  return errors;
}

const maxId = 2 ** 32 - 1;

function validateId(id: number | undefined, path: string): Cause[] {
  return id === undefined ? none : invalidEach(path, id, inRange(id, 0, maxId));
}

function oneOf(value: string | undefined, supported: string[], path: string): Cause[] {
  return value === undefined || supported.includes(value) ? none : [notSupported(path, value, supported)];
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateSeccomp(profile: core.SeccompProfile | undefined, path: string): Cause[] {
  if (!profile) return none;
  const errors: Cause[] = [];
  if (!profile.type) errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!profileTypes.includes(profile.type)) errors.push(notSupported(`${path}.type`, profile.type, profileTypes));
  const local = profile.localhostProfile;
  if (profile.type === 'Localhost') {
    if (local === undefined)
      errors.push(required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost'));
    else errors.push(...validateDescendingPath(local, `${path}.localhostProfile`));
  } else if (local !== undefined)
    errors.push(invalidValue(`${path}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost'));
  return errors;
}

function validateAppArmor(profile: core.AppArmorProfile | undefined, path: string): Cause[] {
  if (!profile) return none;
  const local = profile.localhostProfile;
  const own = `${path}.localhostProfile`;
  if (!profile.type) return [required(`${path}.type`, 'type is required when appArmorProfile is set')];
  if (!profileTypes.includes(profile.type)) return [notSupported(`${path}.type`, profile.type, profileTypes)];
  if (profile.type !== 'Localhost')
    return local === undefined ? none : [invalidValue(own, local, 'can only be set when AppArmor type is Localhost')];
  if (local === undefined || local === '') return [required(own, 'must be set when AppArmor type is Localhost')];
  return local === local.trim() ? none : [invalidValue(own, local, 'must not be padded with whitespace')];
}

const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlPattern = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlRegExp = new RegExp(sysctlPattern);

function validateSysctls(sysctls: readonly core.Sysctl[], spec: core.PodSpec, path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, { name }] of sysctls.entries()) {
    const own = `${at(path, i)}.name`;
    if (!name) errors.push(required(own));
    else if (name.length > 253 || !sysctlRegExp.test(name))
      errors.push(invalidValue(own, name, `must have at most 253 characters and match regex ${sysctlPattern}`));
    else if (names.has(name)) errors.push(duplicate(own, name));
    const dotted = (name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.'))
      errors.push(invalidValue(own, name, "may not be specified when 'hostNetwork' is true"));
    else if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(dotted))
      errors.push(invalidValue(own, name, "may not be specified when 'hostIPC' is true"));
    names.add(name);
  }
  return errors;
}
