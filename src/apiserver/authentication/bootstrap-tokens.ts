import { timingSafeEqual } from 'node:crypto';
import { secrets } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
import { groups } from './groups.ts';

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const extraGroupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** The user of a bootstrap token, kept as a Secret in kube-system (plugin/pkg/auth/authenticator/token/bootstrap). */
export function authenticateBootstrapToken(
  token: string,
  { reader, clock }: { reader: ObjectReader; clock: Clock },
): UserInfo | undefined {
  const [, id, password] = form.exec(token) ?? [];
  if (!id || !password) return undefined;
  const secret = reader.get(secrets, 'kube-system', `bootstrap-token-${id}`);
  if (!secret || secret.metadata.deletionTimestamp || secret.type !== 'bootstrap.kubernetes.io/token') return undefined;
  const field = (name: string) => Buffer.from(secret.data?.[name] ?? '', 'base64').toString();
  if (field('token-id') !== id || !sameText(field('token-secret'), password)) return undefined;
  if (field('usage-bootstrap-authentication') !== 'true') return undefined;
  const expiration = field('expiration');
  if (expiration && !(Date.parse(expiration) > clock.now())) return undefined;
  const extra = field('auth-extra-groups').split(',').filter(Boolean);
  if (!extra.every((group) => extraGroupForm.test(group))) return undefined;
  return { name: `system:bootstrap:${id}`, groups: [groups.bootstrappers, ...extra.sort()] };
}

function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
