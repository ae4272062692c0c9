import { randomInt } from 'node:crypto';
import type { Container, Pod, ServiceAccount, Volume } from '../../api/generated/core-v1.ts';
import { serviceAccounts } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import { projectedExpirationSeconds } from '../authentication/token-request.ts';
import { collectPodReferences } from '../authorization/pod-references.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { isPod, refuse } from './refuse.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const enforceSecretsAnnotation = 'kubernetes.io/enforce-mountable-secrets';
/** The default account of a new namespace is made by a controller: worth a short wait. */
const waitAttempts = 50;
const waitStepMs = 20;

/** Gives each Pod a service account and its credentials (plugin/pkg/admission/serviceaccount). */
export function serviceAccount({ reader, clock }: { reader: ObjectReader; clock: Clock }): AdmissionPlugin {
  const accountOf = async (attributes: AdmissionAttributes, pod: Pod): Promise<ServiceAccount> => {
    const name = pod.spec?.serviceAccountName ?? '';
    const find = () => reader.get(serviceAccounts, attributes.namespace, name);
    for (let i = 0; i < waitAttempts && name === 'default' && !find(); i++) await sleep(clock, waitStepMs);
    const found = find();
    if (found) return found;
    throw refuse(
      attributes,
      `error looking up service account ${attributes.namespace}/${name}: serviceaccount "${name}" not found`,
    );
  };
  return {
    name: 'ServiceAccount',
    handles: (attributes) =>
      isPod(attributes) &&
      (attributes.operation === 'CREATE' ||
        (attributes.operation === 'UPDATE' &&
          attributes.object?.metadata.annotations?.[mirrorAnnotation] !== undefined)),
    async admit(attributes) {
      const pod = attributes.object as Pod;
      if (attributes.operation !== 'CREATE' || isMirror(pod) || !pod.spec) return;
      pod.spec.serviceAccountName ||= 'default';
      const account = await accountOf(attributes, pod);
      // The old name of the field is kept in step (pkg/apis/core/v1/conversion.go).
      pod.spec.serviceAccount = pod.spec.serviceAccountName;
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod);
      if (!pod.spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        pod.spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }));
      }
    },
    async validate(attributes) {
      const pod = attributes.object as Pod;
      if (isMirror(pod)) {
        checkMirror(attributes, pod);
        return;
      }
      const account = await accountOf(attributes, pod);
      if (/^(1|t|true)$/i.test(account.metadata.annotations?.[enforceSecretsAnnotation] ?? '')) {
        checkSecrets(attributes, pod, account);
      }
    },
  };
}

function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
}

function checkMirror(attributes: AdmissionAttributes, pod: Pod): void {
  if (pod.spec?.serviceAccountName) throw refuse(attributes, 'a mirror pod may not reference service accounts');
  if ([...collectPodReferences(pod)].some((reference) => reference.startsWith('secrets/'))) {
    throw refuse(attributes, 'a mirror pod may not reference secrets');
  }
  const projects = pod.spec?.volumes?.some((volume) =>
    volume.projected?.sources?.some((source) => source.serviceAccountToken),
  );
  if (projects) throw refuse(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
}

function mountToken({ spec }: Pod): void {
  if (!spec) return;
  const existing = spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix));
  const name = existing?.name ?? volumePrefix + randomSuffix();
  const containers: Container[] = [...(spec.initContainers ?? []), ...spec.containers];
  const bare = containers.filter(
    (container) => !container.volumeMounts?.some((mount) => mount.mountPath === mountPath),
  );
  for (const container of bare) {
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
  }
  if (!existing && bare.length > 0) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: projectedExpirationSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}

/** Five characters as apiserver pkg/storage/names picks them: no vowels, nothing that looks alike. */
function randomSuffix(): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function checkSecrets(attributes: AdmissionAttributes, { spec }: Pod, account: ServiceAccount): void {
  const mountable = new Set(account.secrets?.map(({ name }) => name));
  const who = account.metadata.name;
  for (const { secret } of spec?.volumes ?? []) {
    if (secret && !mountable.has(secret.secretName)) {
      throw refuse(
        attributes,
        `volume with secret.secretName="${secret.secretName}" is not allowed because service account ${who} does not reference that secret`,
      );
    }
  }
  const check = (containers: Container[] | undefined, title: string) => {
    for (const container of containers ?? []) {
      for (const { name, valueFrom } of container.env ?? []) {
        const secret = valueFrom?.secretKeyRef?.name;
        if (secret === undefined || mountable.has(secret)) continue;
        throw refuse(
          attributes,
          `${title} ${container.name} with envVar ${name} referencing secret.secretName="${secret}" is not allowed because service account ${who} does not reference that secret`,
        );
      }
    }
  };
  check(spec?.initContainers, 'init container');
  check(spec?.containers, 'container');
  const pull = new Set(account.imagePullSecrets?.map(({ name }) => name));
  spec?.imagePullSecrets?.forEach(({ name }, i) => {
    if (pull.has(name)) return;
    throw refuse(
      attributes,
      `imagePullSecrets[${i}].name="${name}" is not allowed because service account ${who} does not reference that imagePullSecret`,
    );
  });
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
