import type { KubeObject, StatusObject } from '../../api/object.ts';
import { isMap } from '../../api/structural/json-schema.ts';
import { parseBody, readBodyValue } from '../body.ts';
import type { ServerRequest, ServerResponse } from '../http/exchange.ts';
import { mediaType } from '../http/media-type.ts';
import { userInfoOf } from '../webhooks/admission-review.ts';
import { type AuditDecision, includes, type Level, type Stage } from './policy.ts';

/** audit.k8s.io/v1 Event; its fields in the order in which Kubernetes writes them. */
export interface AuditEvent {
  kind: 'Event';
  apiVersion: 'audit.k8s.io/v1';
  level: Level;
  auditID: string;
  stage: Stage;
  requestURI: string;
  verb: string;
  user: object;
  impersonatedUser?: object;
  sourceIPs: string[];
  userAgent?: string;
  objectRef?: ObjectReference;
  responseStatus?: Partial<StatusObject>;
  requestObject?: unknown;
  responseObject?: unknown;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Record<string, string>;
}

interface ObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  apiGroup?: string;
  apiVersion?: string;
  resourceVersion?: string;
  subresource?: string;
}

/** What is known of a request when it comes in. */
export function newEvent(request: ServerRequest, { level }: AuditDecision, now: Date): AuditEvent {
  const { info, headers } = request;
  const time = micro(now);
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: headers['audit-id'] ?? '',
    stage: 'RequestReceived',
    requestURI: request.target,
    verb: info.verb,
    user: userInfoOf(request.user),
    sourceIPs: sourcesOf(request),
    ...(headers['user-agent'] ? { userAgent: headers['user-agent'].slice(0, 1024) } : {}),
    ...(info.isResourceRequest ? { objectRef: referenceOf(request) } : {}),
    requestReceivedTimestamp: time,
    stageTimestamp: time,
  };
}

/** The same request at another stage. */
export function atStage(event: AuditEvent, stage: Stage, now: Date, request: ServerRequest): AuditEvent {
  const { realUser, user, auditAnnotations } = request;
  return ordered({
    ...event,
    stage,
    stageTimestamp: micro(now),
    ...(realUser ? { user: userInfoOf(realUser), impersonatedUser: userInfoOf(user) } : {}),
    ...(auditAnnotations.size > 0 ? { annotations: Object.fromEntries(auditAnnotations) } : {}),
  });
}

/** Annotations come last. */
function ordered({ impersonatedUser, sourceIPs, annotations, ...event }: AuditEvent): AuditEvent {
  const { kind, apiVersion, level, auditID, stage, requestURI, verb, user, ...rest } = event;
  const first = { kind, apiVersion, level, auditID, stage, requestURI, verb, user };
  return {
    ...first,
    ...(impersonatedUser ? { impersonatedUser } : {}),
    sourceIPs,
    ...rest,
    ...(annotations ? { annotations } : {}),
  };
}

/** The object that was sent, which also says what it is called (apiserver pkg/audit/request.go LogRequestObject). */
export async function addRequestObject(
  event: AuditEvent,
  request: ServerRequest,
  decision: AuditDecision,
): Promise<AuditEvent> {
  const { info, method } = request;
  if (!info.isResourceRequest || !['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)) return event;
  const object = await bodyOf(request);
  if (object === undefined) return event;
  const { namespace, name, uid, resourceVersion } = (
    method === 'PATCH' ? {} : ((object as KubeObject).metadata ?? {})
  ) as Partial<KubeObject['metadata']>;
  const { resource, apiGroup, apiVersion, subresource, ...known } = event.objectRef!;
  const objectRef = {
    ...(resource ? { resource } : {}),
    ...keep({ namespace: known.namespace || namespace, name: known.name || name, uid: known.uid || uid }),
    ...keep({ apiGroup, apiVersion, resourceVersion, subresource }),
  };
  const shown = includes(event.level, 'Request') ? { requestObject: withoutManagedFields(object, decision) } : {};
  return { ...event, objectRef, ...shown };
}

/** What was answered; objects only where the level asks for them. */
export async function addResponse(
  event: AuditEvent,
  response: ServerResponse,
  decision: AuditDecision,
): Promise<AuditEvent> {
  const responseStatus = { metadata: {}, code: response.status };
  if (!includes(event.level, 'RequestResponse')) return { ...event, responseStatus };
  const object = await answerOf(response);
  return {
    ...event,
    responseStatus,
    ...(object === undefined ? {} : { responseObject: withoutManagedFields(object, decision) }),
  };
}

export function addFailure(event: AuditEvent, status: StatusObject): AuditEvent {
  const { kind: _kind, apiVersion: _apiVersion, ...responseStatus } = status;
  return {
    ...event,
    responseStatus,
    ...(includes(event.level, 'RequestResponse') ? { responseObject: status } : {}),
  };
}

async function bodyOf(request: ServerRequest): Promise<unknown> {
  try {
    const bytes = await request.body();
    if (bytes.length === 0) return undefined;
    if (request.method !== 'PATCH') return (await readBodyValue(request)).value;
    return (await parseBody(bytes, bytes[0] === 0x7b || bytes[0] === 0x5b ? 'json' : 'yaml')).value;
  } catch {
    // What cannot be read is refused further in.
    return undefined;
  }
}

async function answerOf({ body, headers }: ServerResponse): Promise<unknown> {
  const bytes = body instanceof Uint8Array ? body : Array.isArray(body) ? Buffer.concat(body) : undefined;
  if (!bytes?.length) return undefined;
  const type = mediaType(headers['content-type'] ?? '');
  try {
    if (type === 'application/vnd.kubernetes.protobuf') return (await parseBody(bytes, 'protobuf')).value;
    return type === 'application/json' ? JSON.parse(Buffer.from(bytes).toString('utf8')) : undefined;
  } catch {
    return undefined;
  }
}

function withoutManagedFields(object: unknown, { omitManagedFields }: AuditDecision): unknown {
  if (!omitManagedFields || !isMap(object)) return object;
  const bare = (one: unknown): unknown => {
    if (!isMap(one) || !isMap(one.metadata) || !('managedFields' in one.metadata)) return one;
    const { managedFields: _managed, ...metadata } = one.metadata;
    return { ...one, metadata };
  };
  return Array.isArray(object.items) ? { ...object, items: object.items.map(bare) } : bare(object);
}

function referenceOf({ info }: ServerRequest): ObjectReference {
  return keep({
    resource: info.resource,
    namespace: info.namespace,
    name: info.name,
    apiGroup: info.group,
    apiVersion: info.version,
    subresource: info.subresource,
  });
}

function keep<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''),
  ) as Partial<T>;
}

/** Those that proxies name, then who is at the other end (apimachinery pkg/util/net SourceIPs). */
function sourcesOf({ headers, remoteAddress }: ServerRequest): string[] {
  const forwarded = (headers['x-forwarded-for'] ?? '').split(',').map((part) => part.trim());
  return [...new Set([...forwarded, headers['x-real-ip'] ?? '', remoteAddress])].filter(Boolean);
}

/** Of a MicroTime: what the clock knows no finer is zero. */
const micro = (now: Date) => now.toISOString().replace('Z', '000Z');
