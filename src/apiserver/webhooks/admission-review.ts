import { randomUUID } from 'node:crypto';
import type { AdmissionReview } from '../../api/generated/admission-v1.ts';
import type { MutatingWebhook } from '../../api/generated/admissionregistration-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { badRequest, internalError, StatusError } from '../../api/status-error.ts';
import type { AdmissionAttributes, UserInfo } from '../request.ts';
import type { WebhookClient } from './webhook-client.ts';

/** A webhook of either kind. */
export type Webhook = Omit<MutatingWebhook, 'reinvocationPolicy'> &
  Pick<Partial<MutatingWebhook>, 'reinvocationPolicy'>;

/** A webhook could not be asked, or gave no sensible answer: its failure policy decides. */
export class WebhookFailure extends Error {}

export interface Subject {
  attributes: AdmissionAttributes;
  /** The version in which the webhook sees the objects. */
  info: ResourceInfo;
  object: KubeObject | undefined;
  oldObject: KubeObject | undefined;
}

/** Asks one webhook. Returns the JSON patch, if there is one; throws a StatusError if the request is denied. */
export async function review(client: WebhookClient, webhook: Webhook, subject: Subject): Promise<unknown> {
  const { attributes } = subject;
  if (attributes.dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun')
    throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
  const version = webhook.admissionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
  const uid = randomUUID();
  const seconds = webhook.timeoutSeconds ?? 10;
  const body = { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request: requestOf(subject, uid) };
  let answer: AdmissionReview;
  try {
    const { signal } = attributes.cancellation;
    const options = { timeoutMs: seconds * 1000, query: `timeout=${seconds}s`, signal };
    answer = (await client.post(webhook.clientConfig, body, options)) as AdmissionReview;
  } catch (error) {
    throw new WebhookFailure(`failed to call webhook: ${(error as Error).message}`, { cause: error });
  }
  const { response } = answer;
  if (!response) throw new WebhookFailure('webhook response was absent');
  if (version === 'v1' && response.uid !== uid)
    throw new WebhookFailure(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  for (const warning of response.warnings ?? []) attributes.warn(warning);
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {}))
    attributes.annotate(`${webhook.name}/${key}`, value);
  if (!response.allowed) throw denied(webhook.name, response.status);
  if (!response.patch) return undefined;
  if (version === 'v1' && response.patchType !== 'JSONPatch')
    throw new WebhookFailure(`unsupported patch type ${JSON.stringify(response.patchType ?? '')}`);
  return JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'));
}

/** Kinds of what connections carry instead of an object. */
function kindOf({ resource, subresource, object }: AdmissionAttributes, info: ResourceInfo) {
  const sub = subresource ? resource.subresources[subresource] : undefined;
  if (!sub || (object && object.kind === info.kind))
    return { group: info.group, version: info.version, kind: info.kind };
  return { group: sub.group, version: sub.version, kind: sub.kind };
}

function requestOf({ attributes, info, object, oldObject }: Subject, uid: string): object {
  const { resource, subresource, operation, dryRun, options, user } = attributes;
  const name = attributes.name || object?.metadata?.name;
  const namespace = resource.resource === 'namespaces' && resource.group === '' ? name : attributes.namespace;
  const resourceOf = ({ group, version, resource: plural }: ResourceInfo) => ({ group, version, resource: plural });
  return {
    uid,
    kind: kindOf(attributes, info),
    resource: resourceOf(info),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: kindOf(attributes, resource),
    requestResource: resourceOf(resource),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}),
    ...(namespace ? { namespace } : {}),
    operation,
    userInfo: userInfoOf(user),
    object: object ?? null,
    oldObject: oldObject ?? null,
    dryRun,
    options: options ? { ...optionsKind(operation), ...(options as object) } : null,
  };
}

function optionsKind(operation: string): object {
  const names: Record<string, string> = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' };
  return names[operation] ? { kind: names[operation], apiVersion: 'meta.k8s.io/v1' } : {};
}

export function userInfoOf({ name, uid, groups, extra }: UserInfo): object {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}

/** apiserver pkg/admission/plugin/webhook/errors/statuserror.go ToStatusErr. */
function denied(name: string, status: { message?: string; reason?: string; code?: number } = {}): StatusError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = status.message || status.reason;
  const code = status.code && status.code >= 400 ? status.code : status.code ? 400 : 403;
  return new StatusError({
    ...(status as object),
    code,
    reason: status.reason ?? (code === 403 ? 'Forbidden' : ''),
    message: why ? `${by}: ${why}` : `${by} without explanation`,
  });
}

/** What the failure of a webhook is for the request. */
export function failureOf(webhook: Webhook, error: Error): StatusError {
  return internalError(`failed calling webhook ${JSON.stringify(webhook.name)}: ${error.message}`, error);
}
