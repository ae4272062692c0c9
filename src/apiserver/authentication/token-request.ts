import type { TokenRequest } from '../../api/generated/authentication-v1.ts';
import type { Pod, Secret } from '../../api/generated/core-v1.ts';
import { nodes, pods, secrets, serviceAccounts } from '../../api/resource.ts';
import { badRequest, type Cause, conflict, invalid, notFound } from '../../api/status-error.ts';
import type { ObjectReader, UserInfo } from '../request.ts';
import { checkNodeTokenRequest } from './node-token-request.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const defaultExpirationSeconds = 3600;
const minExpirationSeconds = 600;
const maxExpirationSeconds = 2 ** 32;
/**
 * What admission asks for in projected volumes. Such a token works for a year, so that clients that read it only once
 * go on working (--service-account-extend-token-expiration, on by default).
 */
export const projectedExpirationSeconds = 3607;
const extendedExpirationSeconds = 365 * 24 * 60 * 60;

/** POST …/serviceaccounts/NAME/token (pkg/registry/core/serviceaccount/storage/token.go). */
export function issueToken(
  request: TokenRequest,
  at: { namespace: string; name: string; user: UserInfo },
  { reader, tokens }: { reader: ObjectReader; tokens: ServiceAccountTokens },
): TokenRequest {
  checkNodeTokenRequest(request, at, reader);
  const spec = request.spec ?? {};
  const expirationSeconds = spec.expirationSeconds ?? defaultExpirationSeconds;
  const audiences = spec.audiences?.length ? spec.audiences : [tokens.issuer];
  checkExpiration(expirationSeconds);
  const account = reader.get(serviceAccounts, at.namespace, at.name);
  if (!account) throw notFound(serviceAccounts, at.name);
  const bound = boundObjects(spec.boundObjectRef, at, reader);
  const extended = bound.pod !== undefined && expirationSeconds === projectedExpirationSeconds;
  const { token, issuedAtMs } = tokens.issue(account, {
    audiences,
    expirationSeconds: extended ? extendedExpirationSeconds : expirationSeconds,
    ...(extended ? { warnAfterSeconds: expirationSeconds } : {}),
    ...bound,
  });
  const seconds = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: at.name, namespace: at.namespace, creationTimestamp: seconds(issuedAtMs) },
    spec: { ...spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: seconds(issuedAtMs + expirationSeconds * 1000) },
  };
}

function checkExpiration(seconds: number): void {
  const fail = (rule: string): Cause[] => [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${seconds}: may not specify a duration ${rule}`,
      field: 'spec.expirationSeconds',
    },
  ];
  const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
  if (seconds < minExpirationSeconds) throw invalid(kind, '', fail('less than 10 minutes'));
  if (seconds > maxExpirationSeconds) throw invalid(kind, '', fail('larger than 2^32 seconds'));
}

interface BoundObjects {
  pod?: Pod;
  secret?: Secret;
  node?: { name: string; uid?: string };
}

function boundObjects(
  reference: NonNullable<TokenRequest['spec']>['boundObjectRef'],
  at: { namespace: string; name: string },
  reader: ObjectReader,
): BoundObjects {
  if (!reference) return {};
  const { apiVersion = '', kind = '', name = '', uid } = reference;
  const checkUid = (found: string) => {
    if (uid && uid !== found) {
      throw conflict(
        { group: '', resource: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
  };
  if (apiVersion === 'v1' && kind === 'Pod') {
    const pod = reader.get(pods, at.namespace, name);
    if (!pod) throw notFound(pods, name);
    if (pod.spec?.serviceAccountName !== at.name) {
      throw badRequest(
        `cannot bind token for serviceaccount "${at.name}" to pod running with different serviceaccount name.`,
      );
    }
    checkUid(pod.metadata.uid);
    return { pod, ...nodeOf(pod, reader) };
  }
  if (apiVersion === 'v1' && kind === 'Secret') {
    const secret = reader.get(secrets, at.namespace, name);
    if (!secret) throw notFound(secrets, name);
    checkUid(secret.metadata.uid);
    return { secret };
  }
  if (apiVersion === 'v1' && kind === 'Node') {
    const node = reader.get(nodes, '', name);
    if (!node) throw notFound(nodes, name);
    checkUid(node.metadata.uid);
    return { node: { name, uid: node.metadata.uid } };
  }
  const slash = apiVersion.indexOf('/');
  const [group, version] = slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
  throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
}

/** A token of a Pod also names the Pod's node (KEP-4193). */
function nodeOf(pod: Pod, reader: ObjectReader): { node?: { name: string; uid?: string } } {
  const name = pod.spec?.nodeName;
  if (!name) return {};
  return { node: { name, uid: reader.get(nodes, '', name)?.metadata.uid } };
}
