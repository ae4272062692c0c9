import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { compileSelector } from '../../api/selectors.ts';
import { describe, describeEvent, eventsOf, similarName, type WhyFacts } from './facts.ts';
import type { Finding } from './finding.ts';

const defaultClass = 'storageclass.kubernetes.io/is-default-class';

/** Why a PersistentVolumeClaim is not bound: class, provisioner, or which volume fails which demand. */
export function diagnoseClaim(claim: PersistentVolumeClaim, facts: WhyFacts): Finding[] {
  const { phase = 'Pending' } = claim.status ?? {};
  if (phase === 'Bound') return [];
  const subject = describe(claim);
  const events = eventsOf(facts, claim);
  const evidence = events.slice(0, 2).map((event) => describeEvent(event, facts.nowMs));
  const finding = (code: string, cause: string, hints: string[], more: string[] = []): Finding[] => [
    { code, severity: 'error', subject, cause, evidence: [...more, ...evidence], hints },
  ];
  if (phase === 'Lost')
    return finding('VolumeLost', `its PersistentVolume "${claim.spec.volumeName}" is gone`, [
      'restore the volume, or delete the claim and make it anew',
    ]);
  const { storageClassName: wanted, volumeName } = claim.spec;
  if (volumeName) return boundByName(claim, volumeName, facts, finding);
  const classes = facts.storageClasses;
  if (wanted === undefined && !classes.some(({ metadata }) => metadata.annotations?.[defaultClass] === 'true'))
    return finding(
      'NoDefaultStorageClass',
      'it names no storage class, and none is the default',
      ['name one in spec.storageClassName'],
      [
        `storage classes: ${classes.map(({ metadata }) => metadata.name).join(', ') || 'none'}`,
        ...unsuitable(claim, facts),
      ],
    );
  const found = classes.find(({ metadata }) => metadata.name === wanted);
  const candidates = unsuitable(claim, facts);
  if (wanted && !found && candidates.length === 0) {
    const alike = similarName(
      wanted,
      classes.map(({ metadata }) => metadata.name),
    );
    return finding(
      'StorageClassNotFound',
      `storage class "${wanted}" does not exist`,
      [alike ? `was "${alike}" meant?` : 'create it, or name another'],
      [`storage classes: ${classes.map(({ metadata }) => metadata.name).join(', ') || 'none'}`],
    );
  }
  const failed = events.find(({ reason }) => reason === 'ProvisioningFailed');
  if (failed)
    return finding('ProvisioningFailed', `provisioner ${found?.provisioner ?? '?'} failed: ${failed.message}`, []);
  if (found?.volumeBindingMode === 'WaitForFirstConsumer') return waiting(claim, facts, evidence);
  if (!found || found.provisioner === 'kubernetes.io/no-provisioner')
    return finding(
      'NoMatchingVolume',
      'no PersistentVolume fits it, and nobody makes one',
      ['create one that fits'],
      candidates,
    );
  return finding(
    'NotProvisioned',
    `provisioner ${found.provisioner} has not made a volume`,
    [`is the program that provides ${found.provisioner} running?`],
    candidates,
  );
}

type Make = (code: string, cause: string, hints: string[], more?: string[]) => Finding[];

function boundByName(claim: PersistentVolumeClaim, name: string, facts: WhyFacts, finding: Make): Finding[] {
  const volume = facts.volumes.find(({ metadata }) => metadata.name === name);
  if (!volume)
    return finding('VolumeNotFound', `PersistentVolume "${name}", which spec.volumeName names, does not exist`, [
      'correct or leave out spec.volumeName',
    ]);
  const reasons = misfit(volume, claim);
  return finding(
    'VolumeUnsuitable',
    `PersistentVolume "${name}" does not fit: ${reasons.join(', ') || 'not bound yet'}`,
    [],
  );
}

function waiting(claim: PersistentVolumeClaim, { pods }: WhyFacts, evidence: string[]): Finding[] {
  const users = pods.filter(
    ({ metadata, spec }) =>
      metadata.namespace === claim.metadata.namespace &&
      spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === claim.metadata.name),
  );
  return [
    {
      code: 'WaitForFirstConsumer',
      severity: users.length > 0 ? 'note' : 'waiting',
      subject: describe(claim),
      cause:
        users.length > 0 ? 'it is bound once its Pod has a node' : 'it is bound when the first Pod uses it; none does',
      evidence: [...users.map((pod) => `used by ${describe(pod)}: ${pod.status?.phase}`), ...evidence],
      hints: [],
    },
  ];
}

/** Each volume of the claim's class and why it does not do. */
function unsuitable(claim: PersistentVolumeClaim, { volumes }: WhyFacts): string[] {
  return volumes
    .filter((volume) => (volume.spec?.storageClassName ?? '') === (claim.spec.storageClassName ?? ''))
    .slice(0, 8)
    .map((volume) => `PersistentVolume ${volume.metadata.name}: ${misfit(volume, claim).join(', ') || 'fits'}`);
}

function misfit({ spec, status, metadata }: PersistentVolume, claim: PersistentVolumeClaim): string[] {
  const size = spec?.capacity?.storage ?? '0';
  const wanted = claim.spec.resources?.requests?.storage ?? '0';
  const modes = (claim.spec.accessModes ?? []).filter((mode) => !spec?.accessModes?.includes(mode));
  const owner = spec?.claimRef;
  const labelsFit = !claim.spec.selector || compileSelector(claim.spec.selector)(metadata.labels);
  return [
    ...(compareQuantities(size, wanted) < 0 ? [`has ${size} of the ${wanted} that are asked for`] : []),
    ...(modes.length > 0 ? [`does not allow ${modes.join(', ')}`] : []),
    ...(status?.phase && status.phase !== 'Available' && owner?.uid !== claim.metadata.uid
      ? [`is ${status.phase}${owner ? ` (${owner.namespace}/${owner.name})` : ''}`]
      : []),
    ...(labelsFit ? [] : ['lacks the labels that spec.selector asks for']),
  ];
}
