import { randomInt } from 'node:crypto';
import { secrets } from './api/resource.ts';
import type { Client } from './client/client.ts';

const namespace = 'kube-system';
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
const random = (length: number) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

/** A token with which machines may join until it expires: 'abcdef.0123456789abcdef' (bootstrap-tokens of Kubernetes). */
export async function createBootstrapToken(client: Client, { lifeMs }: { lifeMs: number }): Promise<string> {
  const [id, secret] = [random(6), random(16)];
  await client.create(secrets, {
    metadata: { name: secretName(id), namespace },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      description: 'lets a node join',
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      expiration: new Date(Date.now() + lifeMs).toISOString().replace(/\.\d+/, ''),
    },
  } as never);
  return `${id}.${secret}`;
}

export async function deleteBootstrapToken(client: Client, token: string): Promise<void> {
  await client.delete(secrets, secretName(token.split('.')[0] as string), namespace);
}

const secretName = (id: string): string => `bootstrap-token-${id}`;
