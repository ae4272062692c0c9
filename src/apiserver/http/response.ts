import type { StatusObject } from '../../api/object.ts';
import { internalError, StatusError } from '../../api/status-error.ts';
import type { ApiResponse } from '../request.ts';

export function text(status: number, body: string, headers: Record<string, string> = {}): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', ...headers },
    body: Buffer.from(body),
  };
}

/** A plain JSON answer, for what is not negotiated. */
export function json(status: number, value: unknown): ApiResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) };
}

/** What net/http answers to a path that nobody serves. */
export function pathNotFound(): ApiResponse {
  return text(404, '404 page not found\n');
}

/** A resource that is not served (apiserver pkg/endpoints/handlers/responsewriters NewGenericServerResponse 404). */
export function resourceNotFound(): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

/** Any error as a Status. */
export function statusOf(error: unknown): StatusObject {
  if (error instanceof StatusError) return error.status;
  return internalError(error instanceof Error ? error.message : String(error), error).status;
}
