import { StatusError } from '../status-error.ts';

/**
 * 422 as kube-apiserver answers a patch that does not fit the object (apiserver handlers/patch.go through
 * NewGenericServerResponse). It names no detail: that is in `cause`.
 */
export function unprocessable(detail: string): StatusError {
  const error = new StatusError({
    code: 422,
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
  });
  error.cause = new Error(detail);
  return error;
}

/** 500 with a bare message, as kube-apiserver answers the errors of a patch that it does not classify. */
export function unclassified(message: string): StatusError {
  return new StatusError({ code: 500, reason: '', message });
}

/** What Go's encoding/json calls a JSON value in its errors. */
export function goJsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
