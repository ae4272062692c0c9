import type * as core from '../generated/core-v1.ts';
import { configMapKey, dns1123Label, dns1123Subdomain } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import type { Cause } from '../status-error.ts';
import { validateFieldRef, validateResourceFieldRef } from './env.ts';
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
import { validateDescendingPath, validateFileMode, validateNoBacksteps, validateNonReservedPath } from './paths.ts';
import { certificatePaths, validatePodCertificate, validateTrustBundle } from './projected-certificates.ts';

/** Volumes of a Pod (pkg/apis/core/validation ValidateVolumes). */
export function validateVolumes(volumes: readonly core.Volume[], podName: string | undefined, path: string): Cause[] {
  const errors: Cause[] = [];
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const volumePath = at(path, i);
    const own = validateVolumeSource(volume, podName, volumePath);
    if (!volume.name) own.push(required(`${volumePath}.name`));
    else own.push(...invalidEach(`${volumePath}.name`, volume.name, dns1123Label(volume.name)));
    if (names.has(volume.name)) own.push(duplicate(`${volumePath}.name`, volume.name));
    if (own.length === 0) names.add(volume.name);
    errors.push(...own);
  }
  return errors;
}

type SourceName = Exclude<keyof core.VolumeSource, undefined>;
type Check = (source: never, path: string) => Cause[];

const check = <K extends SourceName>(
  name: K,
  validate: (source: NonNullable<core.VolumeSource[K]>, path: string) => Cause[],
): [SourceName, Check] => [name, validate as Check];

/** What each kind of volume has to say, in the order in which Kubernetes looks at them. */
const sources: readonly [SourceName, Check][] = [
  check('emptyDir', (source, path) =>
    source.sizeLimit !== undefined && parseQuantity(source.sizeLimit).nanos < 0n
      ? [forbiddenField(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : none,
  ),
  check('hostPath', validateHostPath),
  check('gitRepo', (source, path) => needs(source.repository, `${path}.repository`)),
  check('gcePersistentDisk', (source, path) => needs(source.pdName, `${path}.pdName`)),
  check('awsElasticBlockStore', (source, path) => needs(source.volumeID, `${path}.volumeID`)),
  check('secret', (source, path) => [
    ...needs(source.secretName, `${path}.secretName`),
    ...validateFileMode(source.defaultMode, `${path}.defaultMode`),
    ...validateItems(source.items, `${path}.items`),
  ]),
  check('nfs', (source, path) => [
    ...needs(source.server, `${path}.server`),
    ...needs(source.path, `${path}.path`),
    ...(source.path && !source.path.startsWith('/')
      ? [invalidValue(`${path}.path`, source.path, 'must be an absolute path')]
      : none),
  ]),
  check('iscsi', (source, path) => [
    ...needs(source.targetPortal, `${path}.targetPortal`),
    ...needs(source.iqn, `${path}.iqn`),
  ]),
  check('persistentVolumeClaim', (source, path) => needs(source.claimName, `${path}.claimName`)),
  check('downwardAPI', (source, path) => [
    ...validateFileMode(source.defaultMode, `${path}.defaultMode`),
    ...(source.items ?? []).flatMap((file) => validateDownwardFile(file, path)),
  ]),
  check('fc', () => none),
  check('configMap', (source, path) => [
    ...needs(source.name, `${path}.name`),
    ...validateFileMode(source.defaultMode, `${path}.defaultMode`),
    ...validateItems(source.items, `${path}.items`),
  ]),
  check('projected', validateProjected),
  check('csi', (source, path) => needs(source.driver, `${path}.driver`)),
  check('ephemeral', (source, path) => (source.volumeClaimTemplate ? none : [required(`${path}.volumeClaimTemplate`)])),
  check('image', validateImage),
];
/** In-tree drivers that Kubernetes no longer has; they only count as a source. */
const legacySources = [
  'glusterfs',
  'flocker',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'scaleIO',
] as const satisfies readonly SourceName[];

function validateVolumeSource(volume: core.Volume, podName: string | undefined, path: string): Cause[] {
  const errors: Cause[] = [];
  let given = 0;
  for (const [name, validate] of sources) {
    const source = volume[name];
    if (source === undefined) continue;
    if (given++ > 0) errors.push(forbiddenField(`${path}.${name}`, 'may not specify more than 1 volume type'));
    else errors.push(...validate(source as never, `${path}.${name}`));
  }
  for (const name of legacySources)
    if (volume[name] !== undefined && given++ > 0)
      errors.push(forbiddenField(`${path}.${name}`, 'may not specify more than 1 volume type'));
  if (volume.ephemeral && podName && volume.name) {
    const claim = `${podName}-${volume.name}`;
    for (const problem of dns1123Subdomain(claim))
      errors.push(invalidValue(`${path}.name`, volume.name, `PVC name "${claim}": ${problem}`));
  }
  if (given === 0) errors.push(required(path, 'must specify a volume type'));
  return errors;
}

const needs = (value: string | undefined, path: string) => (value ? none : [required(path)]);

function validateHostPath(source: core.HostPathVolumeSource, path: string): Cause[] {
  if (!source.path) return [required(`${path}.path`)];
  const errors = [...validateNoBacksteps(source.path, `${path}.path`)];
  if (source.type !== undefined && !hostPathTypes.includes(source.type))
    errors.push(notSupported(`${path}.type`, source.type, hostPathTypes));
  return errors;
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function validateImage(source: core.ImageVolumeSource, path: string): Cause[] {
  const errors = source.reference ? [] : [required(`${path}.reference`)];
  const policies = ['Always', 'IfNotPresent', 'Never'];
  if (!source.pullPolicy) errors.push(required(`${path}.pullPolicy`));
  else if (!policies.includes(source.pullPolicy))
    errors.push(notSupported(`${path}.pullPolicy`, source.pullPolicy, policies));
  return errors;
}

function validateItems(items: readonly core.KeyToPath[] | undefined, path: string): Cause[] {
  return (items ?? []).flatMap((item, i) => {
    const itemPath = at(path, i);
    return [
      ...needs(item.key, `${itemPath}.key`),
      ...needs(item.path, `${itemPath}.path`),
      ...validateNonReservedPath(item.path ?? '', `${itemPath}.path`),
      ...validateFileMode(item.mode, `${itemPath}.mode`),
    ];
  });
}

const volumeFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.labels',
  'metadata.annotations',
  'metadata.uid',
];

function validateDownwardFile(file: core.DownwardAPIVolumeFile, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!file.path) errors.push(required(`${path}.path`));
  errors.push(...validateNonReservedPath(file.path ?? '', `${path}.path`));
  if (file.fieldRef) {
    errors.push(...validateFieldRef(file.fieldRef, volumeFieldPaths, `${path}.fieldRef`));
    if (file.resourceFieldRef)
      errors.push(invalidValue(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (file.resourceFieldRef)
    errors.push(...validateResourceFieldRef(file.resourceFieldRef, true, `${path}.resourceFieldRef`));
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  errors.push(...validateFileMode(file.mode, `${path}.mode`));
  return errors;
}

function validateProjected(projected: core.ProjectedVolumeSource, path: string): Cause[] {
  const errors: Cause[] = [...validateFileMode(projected.defaultMode, `${path}.defaultMode`)];
  const paths = new Set<string>();
  const claim = (file: string | undefined, owner: string) => {
    if (!file) return;
    if (paths.has(file)) errors.push(invalidValue(path, owner, 'conflicting duplicate paths'));
    paths.add(file);
  };
  for (const [i, source] of (projected.sources ?? []).entries()) {
    const sourcePath = at(`${path}.sources`, i);
    for (const name of ['secret', 'configMap'] as const) {
      const reference = source[name];
      if (!reference) continue;
      errors.push(...needs(reference.name, `${sourcePath}.${name}.name`));
      errors.push(...validateItems(reference.items, `${sourcePath}.${name}.items`));
      for (const item of reference.items ?? []) claim(item.path, reference.name ?? '');
    }
    for (const file of source.downwardAPI?.items ?? []) {
      errors.push(...validateDownwardFile(file, `${sourcePath}.downwardAPI`));
      claim(file.path, file.path);
    }
    if (source.serviceAccountToken)
      errors.push(...validateToken(source.serviceAccountToken, `${sourcePath}.serviceAccountToken`, path));
    claim(source.serviceAccountToken?.path, source.serviceAccountToken?.path ?? '');
    const { clusterTrustBundle, podCertificate } = source;
    if (clusterTrustBundle) {
      errors.push(...validateTrustBundle(clusterTrustBundle, `${sourcePath}.clusterTrustBundle`));
      claim(clusterTrustBundle.path, clusterTrustBundle.path);
    }
    if (podCertificate) {
      errors.push(...validatePodCertificate(podCertificate, `${sourcePath}.podCertificate`));
      for (const name of certificatePaths) claim(podCertificate[name], podCertificate[name] ?? '');
    }
    const given = Object.values(source).filter((value) => value !== undefined).length;
    if (given > 1) errors.push(forbiddenField(sourcePath, 'may not specify more than 1 volume type'));
  }
  return errors;
}

function validateToken(token: core.ServiceAccountTokenProjection, path: string, volumePath: string): Cause[] {
  const errors: Cause[] = [];
  const seconds = token.expirationSeconds ?? 3600;
  if (seconds < 600)
    errors.push(invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > 2 ** 32)
    errors.push(
      invalidValue(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'),
    );
  if (!token.path) errors.push(required(`${volumePath}.path`));
  else errors.push(...validateDescendingPath(token.path, `${path}.path`));
  return errors;
}

/** Keys of a ConfigMap or Secret, as they occur in its data. */
export function validateDataKeys(data: Record<string, string> | undefined, path: string): Cause[] {
  return Object.keys(data ?? {}).flatMap((key) => invalidEach(`${path}[${key}]`, key, configMapKey(key)));
}
