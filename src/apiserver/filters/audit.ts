import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { AuditBackend } from '../audit/backend.ts';
import { type AuditEvent, addFailure, addRequestObject, addResponse, atStage, newEvent } from '../audit/event.ts';
import { type AuditDecision, decideAudit, type Policy, type Stage } from '../audit/policy.ts';
import type { ServerHandler, ServerRequest, ServerResponse } from '../http/exchange.ts';
import { statusOf } from '../http/response.ts';

export interface Audit {
  policy: Policy;
  backend: AuditBackend;
  clock: Clock;
}

/** Tells the audit log of a request: when it comes, when a long answer begins, when it is answered (apiserver pkg/endpoints/filters/audit.go). */
export function audit(next: ServerHandler, { policy, backend, clock }: Audit): ServerHandler {
  const now = () => new Date(clock.now());
  return async (request) => {
    const decision = decideAudit(policy, request.user, request.info);
    if (decision.level === 'None') return next(request);
    request.headers['audit-id'] ||= randomUUID();
    const tell = (event: AuditEvent, stage: Stage) => {
      if (!decision.omitStages.includes(stage)) backend.write(atStage(event, stage, now(), request));
    };
    const received = newEvent(request, decision, now());
    tell(received, 'RequestReceived');
    const event = await addRequestObject(received, request, decision);
    let response: ServerResponse;
    try {
      response = await next(request);
    } catch (error) {
      tell(addFailure(event, statusOf(error)), 'ResponseComplete');
      throw error;
    }
    return answered(request, response, event, decision, tell);
  };
}

async function answered(
  request: ServerRequest,
  response: ServerResponse,
  event: AuditEvent,
  decision: AuditDecision,
  tell: (event: AuditEvent, stage: Stage) => void,
): Promise<ServerResponse> {
  const complete = await addResponse(event, response, decision);
  const { body } = response;
  if (response.hijacked) {
    tell(complete, 'ResponseStarted');
    request.upgrade?.socket.once('close', () => tell(complete, 'ResponseComplete'));
    return response;
  }
  if (body instanceof Uint8Array || Array.isArray(body)) {
    tell(complete, 'ResponseComplete');
    return response;
  }
  tell(complete, 'ResponseStarted');
  return { ...response, body: followed(body, () => tell(complete, 'ResponseComplete')) };
}

/** The same stream; `ended` is called when it ends, in whatever way. */
async function* followed(body: AsyncIterable<Uint8Array>, ended: () => void): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } finally {
    ended();
  }
}

/** Tells of requests that nobody may say who sent (WithFailedAuthenticationAudit). */
export function auditUnauthenticated(request: ServerRequest, error: unknown, { policy, backend, clock }: Audit): void {
  const decision = decideAudit(policy, request.user, request.info);
  if (decision.level === 'None' || decision.omitStages.includes('ResponseStarted')) return;
  request.headers['audit-id'] ||= randomUUID();
  const now = new Date(clock.now());
  const event = addFailure(newEvent(request, { ...decision, level: 'Metadata' }, now), statusOf(error));
  const tried = request.certificate || request.badCertificate ? 'x509' : 'bearer';
  event.responseStatus!.message = `Authentication failed, attempted: ${tried}`;
  backend.write(atStage(event, 'ResponseStarted', now, request));
}
