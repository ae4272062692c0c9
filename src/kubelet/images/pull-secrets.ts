import { createHash } from 'node:crypto';
import type { Pod, Secret } from '../../api/generated/core-v1.ts';
import type { PullOptions } from '../../runtime/runtime.ts';
import type { SecretCredential } from './pull-records.ts';

type Credentials = NonNullable<PullOptions['credentials']>;
interface DockerAuth {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** A credential, and the Secret that it is from. */
export interface PullCredential {
  credential: Credentials[number];
  secret: SecretCredential;
}

/** The credentials in a Pod's imagePullSecrets that are for the image's registry (kubelet credentialprovider keyring). */
export async function pullCredentials(
  pod: Pod,
  image: string,
  secret: (namespace: string, name: string) => Promise<Secret>,
): Promise<PullCredential[]> {
  const credentials: PullCredential[] = [];
  for (const { name = '' } of pod.spec.imagePullSecrets ?? []) {
    // A missing pull secret is no failure: the image may be public.
    const found = await secret(pod.metadata.namespace ?? '', name).catch(() => undefined);
    for (const credential of found ? credentialsOf(found, image) : []) {
      const { uid = '', namespace = '' } = found?.metadata ?? {};
      const credentialHash = createHash('sha256').update(JSON.stringify(credential)).digest('hex');
      credentials.push({ credential, secret: { uid, namespace, name, credentialHash } });
    }
  }
  return credentials;
}

/** Entries of one Secret of type dockerconfigjson or dockercfg that match the image, the longest match first. */
export function credentialsOf(secret: Secret, image: string): Credentials {
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const auths: Record<string, DockerAuth> = secret.data?.['.dockerconfigjson']
    ? (JSON.parse(text('.dockerconfigjson')).auths ?? {})
    : JSON.parse(text('.dockercfg') || '{}');
  const target = withRegistry(image);
  return Object.entries(auths)
    .map(([key, auth]) => ({ key: key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, ''), auth }))
    .filter(({ key }) => matches(key, target))
    .sort((a, b) => b.key.length - a.key.length)
    .map(({ auth }) => {
      const [username, ...rest] = Buffer.from(auth.auth ?? '', 'base64')
        .toString('utf8')
        .split(':');
      return {
        username: auth.username ?? username,
        password: auth.password ?? rest.join(':'),
        ...(auth.identitytoken && { identityToken: auth.identitytoken }),
        ...(auth.registrytoken && { registryToken: auth.registrytoken }),
      };
    });
}

/** 'docker.io/library/httpd': the repository, for which keys are registered. */
function withRegistry(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const first = name.split('/')[0] ?? '';
  const named = name.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  return named ? name : `docker.io/${name.includes('/') ? name : `library/${name}`}`;
}

/** Hosts may hold '*' in each label; a path is a prefix (kubelet credentialprovider/keyring.go URLsMatch). */
function matches(key: string, target: string): boolean {
  const [host = '', ...path] = key.replace(/^(index|registry-1)\.docker\.io/, 'docker.io').split('/');
  const [targetHost = '', ...targetPath] = target.split('/');
  const pattern = host
    .split('.')
    .map((label) => label.replace(/[^\w*-]/g, '\\$&').replaceAll('*', '[^.:]*'))
    .join('\\.');
  return new RegExp(`^${pattern}$`).test(targetHost) && targetPath.join('/').startsWith(path.join('/'));
}
