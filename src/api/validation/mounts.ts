import type * as core from '../generated/core-v1.ts';
import type { Cause } from '../status-error.ts';
import { at, forbiddenField, invalidValue, none, notFoundValue, notSupported, required } from './field-error.ts';
import { validateDescendingPath, validateNoBacksteps } from './paths.ts';

export type VolumesByName = ReadonlyMap<string, core.Volume>;

/** Mounts of a container (pkg/apis/core/validation ValidateVolumeMounts). */
export function validateMounts(container: core.Container, volumes: VolumesByName, path: string): Cause[] {
  const errors: Cause[] = [];
  const mountPaths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const mountPath = at(path, i);
    if (!mount.name) errors.push(required(`${mountPath}.name`));
    if (!volumes.has(mount.name)) errors.push(notFoundValue(`${mountPath}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${mountPath}.mountPath`));
    if (mountPaths.has(mount.mountPath))
      errors.push(invalidValue(`${mountPath}.mountPath`, mount.mountPath, 'must be unique'));
    mountPaths.add(mount.mountPath);
    if (devices.some((device) => device.name === mount.name))
      errors.push(invalidValue(`${mountPath}.name`, mount.name, 'must not already exist in volumeDevices'));
    if (devices.some((device) => device.devicePath === mount.mountPath))
      errors.push(
        invalidValue(`${mountPath}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'),
      );
    errors.push(...validateSubPaths(mount, mountPath, path));
    errors.push(...validatePropagation(mount.mountPropagation, container, `${path}.mountPropagation`));
    errors.push(...validateRecursiveReadOnly(mount, `${path}.recursiveReadOnly`));
  }
  return errors;
}

export function validateDevices(container: core.Container, volumes: VolumesByName, path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  for (const [i, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
    const own = at(path, i);
    const volume = volumes.get(name);
    if (!name) errors.push(required(`${own}.name`));
    if (names.has(name)) errors.push(invalidValue(`${own}.name`, name, 'must be unique'));
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral)
      errors.push(
        invalidValue(
          `${own}.name`,
          name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    if (!volume) errors.push(notFoundValue(`${own}.name`, name));
    if (!devicePath) errors.push(required(`${own}.devicePath`));
    if (paths.has(devicePath)) errors.push(invalidValue(`${own}.devicePath`, devicePath, 'must be unique'));
    if (devicePath && validateNoBacksteps(devicePath, path).length)
      errors.push(invalidValue(`${own}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name))
      errors.push(invalidValue(`${own}.name`, name, 'must not already exist in volumeMounts'));
    if (mounts.some((mount) => mount.mountPath === devicePath))
      errors.push(invalidValue(`${own}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    if (name) names.add(name);
  }
  return errors;
}

function validateSubPaths(mount: core.VolumeMount, path: string, listPath: string): Cause[] {
  const errors: Cause[] = [];
  if (mount.subPath) errors.push(...validateDescendingPath(mount.subPath, `${listPath}.subPath`));
  if (mount.subPathExpr) {
    if (mount.subPath)
      errors.push(
        invalidValue(`${path}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      );
    errors.push(...validateDescendingPath(mount.subPathExpr, `${listPath}.subPathExpr`));
  }
  return errors;
}

function validatePropagation(mode: string | undefined, container: core.Container, path: string): Cause[] {
  if (mode === undefined) return none;
  const supported = ['Bidirectional', 'HostToContainer', 'None'];
  if (!supported.includes(mode)) return [notSupported(path, mode, supported)];
  if (mode === 'Bidirectional' && !container.securityContext?.privileged)
    return [forbiddenField(path, 'Bidirectional mount propagation is available only to privileged containers')];
  return none;
}

function validateRecursiveReadOnly(mount: core.VolumeMount, path: string): Cause[] {
  const mode = mount.recursiveReadOnly as string | undefined;
  if (mode === undefined || mode === 'Disabled') return none;
  if (mode !== 'Enabled' && mode !== 'IfPossible')
    return [notSupported(path, mode, ['Disabled', 'Enabled', 'IfPossible'])];
  const errors: Cause[] = [];
  if (!mount.readOnly) errors.push(forbiddenField(path, 'may only be specified when readOnly is true'));
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None')
    errors.push(forbiddenField(path, 'may only be specified when mountPropagation is None or not specified'));
  return errors;
}
