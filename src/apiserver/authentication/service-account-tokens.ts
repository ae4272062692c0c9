import { randomUUID } from 'node:crypto';
import type { Pod, Secret, ServiceAccount } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { nodes, pods, type Resource, secrets, serviceAccounts } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
import { serviceAccountUser } from './groups.ts';
import { type Claims, decodeJwt, type SigningKey, signingKey, signJwt, verifyJwt } from './jwt.ts';
import { TokenError } from './token-error.ts';

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';
/** Issuer of the tokens in Secrets of type kubernetes.io/service-account-token. */
const legacyIssuer = 'kubernetes/serviceaccount';
const legacyClaim = 'kubernetes.io/serviceaccount/';
/** Clocks may differ by this much (go-jose's DefaultLeeway). */
const leewayMs = 60_000;
const cacheSize = 4096;

interface Reference {
  name: string;
  uid: string;
}

/** What a token says of itself under 'kubernetes.io'. */
interface PrivateClaims {
  namespace: string;
  serviceaccount: Reference;
  pod?: Reference;
  secret?: Reference;
  node?: Reference;
  /** Seconds since the epoch. */
  warnafter?: number;
}

export interface IssueOptions {
  audiences: string[];
  expirationSeconds: number;
  /** Seconds after which the token counts as stale, though it still works. */
  warnAfterSeconds?: number;
  pod?: Pod;
  secret?: Secret;
  node?: { name: string; uid?: string };
}

/** Issues and checks the JSON Web Tokens of service accounts (pkg/serviceaccount/claims.go, KEP-1205). */
export class ServiceAccountTokens {
  readonly issuer: string;
  readonly key: SigningKey;
  readonly #reader: ObjectReader;
  readonly #clock: Clock;
  /** Claims of tokens whose signature was right, oldest first; at most `cacheSize`. Live objects are checked each time. */
  readonly #verified = new Map<string, Claims>();

  constructor(options: { reader: ObjectReader; clock: Clock; keyPem: string; issuer?: string }) {
    this.#reader = options.reader;
    this.#clock = options.clock;
    this.key = signingKey(options.keyPem);
    this.issuer = options.issuer ?? defaultIssuer;
  }

  issue(account: ServiceAccount, options: IssueOptions): { token: string; issuedAtMs: number } {
    const now = Math.floor(this.#clock.now() / 1000);
    const { namespace = '', name, uid } = account.metadata;
    const { pod, secret, node } = options;
    const claims: PrivateClaims = {
      namespace,
      ...(node ? { node: { name: node.name, uid: node.uid ?? '' } } : {}),
      ...(pod ? { pod: { name: pod.metadata.name, uid: pod.metadata.uid } } : {}),
      ...(secret ? { secret: { name: secret.metadata.name, uid: secret.metadata.uid } } : {}),
      serviceaccount: { name, uid },
      ...(options.warnAfterSeconds ? { warnafter: now + options.warnAfterSeconds } : {}),
    };
    const token = signJwt(this.key, {
      aud: options.audiences,
      exp: now + options.expirationSeconds,
      iat: now,
      iss: this.issuer,
      jti: randomUUID(),
      'kubernetes.io': claims,
      nbf: now,
      sub: serviceAccountUser(namespace, name).name,
    });
    return { token, issuedAtMs: now * 1000 };
  }

  /** The token without end for a Secret of type kubernetes.io/service-account-token (pkg/serviceaccount/legacy.go). */
  issueLegacy(account: ServiceAccount, secretName: string): string {
    const { namespace = '', name, uid } = account.metadata;
    return signJwt(this.key, {
      iss: legacyIssuer,
      [`${legacyClaim}namespace`]: namespace,
      [`${legacyClaim}secret.name`]: secretName,
      [`${legacyClaim}service-account.name`]: name,
      [`${legacyClaim}service-account.uid`]: uid,
      sub: serviceAccountUser(namespace, name).name,
    });
  }

  /**
   * The user of a token and those of `audiences` that it is for. Undefined when someone else issued it; throws a
   * TokenError when it is ours but bad.
   */
  authenticate(token: string, audiences = [this.issuer]): { user: UserInfo; audiences: string[] } | undefined {
    const claims = this.#verified.get(token) ?? decodeJwt(token)?.claims;
    if (!claims) return undefined;
    if (claims.iss !== this.issuer && claims.iss !== legacyIssuer) return undefined;
    this.#checkSignature(token, claims);
    if (claims.iss === legacyIssuer) return { user: this.#legacyUser(token, claims), audiences };
    const matching = audiences.filter((audience) => stringsOf(claims.aud).includes(audience));
    if (matching.length === 0) {
      throw new TokenError(`token audiences ${JSON.stringify(claims.aud)} is invalid for the target audiences`);
    }
    this.#checkTime(claims);
    return { user: this.#boundUser(claims), audiences: matching };
  }

  #checkSignature(token: string, claims: Claims): void {
    if (this.#verified.has(token)) return;
    if (!verifyJwt(this.key, token)) throw new TokenError('invalid signature');
    if (this.#verified.size >= cacheSize) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(token, claims);
  }

  #checkTime(claims: Claims): void {
    const now = this.#clock.now();
    if (Number(claims.exp) * 1000 + leewayMs < now) throw new TokenError('service account token has expired');
    if (Number(claims.nbf ?? 0) * 1000 - leewayMs > now) throw new TokenError('service account token is not valid yet');
  }

  #boundUser(claims: Claims): UserInfo {
    const own = claims['kubernetes.io'] as PrivateClaims | undefined;
    if (!own?.namespace || !own.serviceaccount) throw new TokenError('service account token claims could not be read');
    const { namespace, serviceaccount, pod, secret, node } = own;
    const account = this.#live(serviceAccounts, namespace, serviceaccount);
    if (secret) this.#live(secrets, namespace, secret);
    const extra: Record<string, string[]> = {};
    const note = (name: string, value: string | undefined) => {
      if (value) extra[`authentication.kubernetes.io/${name}`] = [value];
    };
    if (claims.jti) note('credential-id', `JTI=${claims.jti}`);
    if (pod) {
      this.#live(pods, namespace, pod);
      note('pod-name', pod.name);
      note('pod-uid', pod.uid);
    } else if (node) {
      this.#live(nodes, '', node);
    }
    note('node-name', node?.name);
    note('node-uid', node?.uid);
    return { ...serviceAccountUser(namespace, account.metadata.name), uid: account.metadata.uid, extra };
  }

  #legacyUser(token: string, claims: Claims): UserInfo {
    const claim = (name: string) => String(claims[legacyClaim + name] ?? '');
    const namespace = claim('namespace');
    const account = this.#live(serviceAccounts, namespace, {
      name: claim('service-account.name'),
      uid: claim('service-account.uid'),
    });
    const secret = this.#reader.get(secrets, namespace, claim('secret.name'));
    const current = Buffer.from(secret?.data?.token ?? '', 'base64').toString();
    if (!secret || secret.metadata.deletionTimestamp || current !== token) {
      throw new TokenError('service account token has been invalidated');
    }
    return { ...serviceAccountUser(namespace, account.metadata.name), uid: account.metadata.uid };
  }

  /** The object that a token is bound to: a token ends with it. */
  #live<T extends KubeObject>(resource: Resource<T>, namespace: string, reference: Reference): T {
    const object = this.#reader.get(resource, namespace, reference.name);
    if (!object) throw new TokenError(`${resource.kind} ${reference.name} of the service account token does not exist`);
    if (object.metadata.uid !== reference.uid) {
      throw new TokenError(
        `the ${resource.kind} UID (${object.metadata.uid}) does not match the claim (${reference.uid})`,
      );
    }
    const deletedAt = object.metadata.deletionTimestamp;
    if (deletedAt && Date.parse(deletedAt) < this.#clock.now() - leewayMs) {
      throw new TokenError(`${resource.kind} ${reference.name} of the service account token has been deleted`);
    }
    return object;
  }
}

function stringsOf(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Array.isArray(value) ? (value as string[]) : [];
}
