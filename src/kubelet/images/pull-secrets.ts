import type { Pod, Secret } from '../../api/generated/core-v1.ts';
import type { PullOptions } from '../../runtime/runtime.ts';

type Credentials = NonNullable<PullOptions['credentials']>;
interface DockerAuth {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** The credentials in a Pod's imagePullSecrets that are for the image's registry (kubelet credentialprovider keyring). */
export async function pullCredentials(
  pod: Pod,
  image: string,
  secret: (namespace: string, name: string) => Promise<Secret>,
): Promise<Credentials> {
  const credentials: Credentials = [];
  for (const { name = '' } of pod.spec.imagePullSecrets ?? []) {
    // A missing pull secret is no failure: the image may be public.
    const found = await secret(pod.metadata.namespace ?? '', name).catch(() => undefined);
    if (found) credentials.push(...credentialsOf(found, image));
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

function withRegistry(image: string): string {
  const first = image.split('/')[0] ?? '';
  const named = image.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  return named ? image : `docker.io/${image.includes('/') ? image : `library/${image}`}`;
}

/** Hosts may hold '*' in each label; a path must be a prefix. */
function matches(key: string, target: string): boolean {
  const [host = '', ...path] = key.replace(/^(index|registry-1)\.docker\.io/, 'docker.io').split('/');
  const [targetHost = '', ...targetPath] = target.split('/');
  const pattern = host
    .split('.')
    .map((label) => label.replace(/[^\w*-]/g, '\\$&').replaceAll('*', '[^.]*'))
    .join('\\.');
  return new RegExp(`^${pattern}$`).test(targetHost) && path.every((part, index) => part === targetPath[index]);
}
