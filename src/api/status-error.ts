import type { StatusObject } from './object.ts';

export interface Cause {
  /** metav1.CauseType, such as 'FieldValueInvalid'. */
  reason?: string;
  message?: string;
  /** Field path, such as 'spec.containers[0].image'. */
  field?: string;
}

/** A failure as the API answers it: metav1.Status with its HTTP code (apimachinery pkg/api/errors). */
export class StatusError extends Error {
  readonly status: StatusObject;

  constructor(
    status: Omit<StatusObject, 'apiVersion' | 'kind' | 'metadata' | 'status'> & { code: number; reason: string },
  ) {
    super(status.message ?? status.reason);
    this.name = 'StatusError';
    this.status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', ...status };
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

/** Whether `error` is an API failure with this reason, such as 'NotFound', 'AlreadyExists', 'Conflict', 'Expired'. */
export function hasReason(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.reason === reason;
}

const qualified = (resource: { group: string; resource: string }) =>
  resource.group ? `${resource.resource}.${resource.group}` : resource.resource;
type Named = { group: string; resource: string };

export function notFound(resource: Named, name: string): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: `${qualified(resource)} "${name}" not found`,
    details: { name, group: resource.group || undefined, kind: resource.resource },
  });
}

export function alreadyExists(resource: Named, name: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualified(resource)} "${name}" already exists`,
    details: { name, group: resource.group || undefined, kind: resource.resource },
  });
}

export function conflict(resource: Named, name: string, why: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    details: { name, group: resource.group || undefined, kind: resource.resource },
  });
}

/** Message of an optimistic-concurrency conflict (apiserver pkg/registry/generic/registry/store.go OptimisticLockErrorMsg). */
export const modifiedMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: 'BadRequest', message });
}

export function forbidden(resource: Named, name: string, why: string): StatusError {
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: name
      ? `${qualified(resource)} "${name}" is forbidden: ${why}`
      : `${qualified(resource)} is forbidden: ${why}`,
    details: { name: name || undefined, group: resource.group || undefined, kind: resource.resource },
  });
}

export function unauthorized(): StatusError {
  return new StatusError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
}

export function methodNotSupported(resource: Named, verb: string): StatusError {
  return new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: `${verb} is not supported on resources of kind "${qualified(resource)}"`,
    details: { group: resource.group || undefined, kind: resource.resource },
  });
}

/** 410: the resource version, or a continue token's, was compacted away. */
export function expired(message: string): StatusError {
  return new StatusError({ code: 410, reason: 'Expired', message });
}

export function internalError(message: string, cause?: unknown): StatusError {
  const error = new StatusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  });
  error.cause = cause;
  return error;
}

/** 422 with every field error as a cause, as kube-apiserver words it (NewInvalid). */
export function invalid(kind: { group: string; kind: string }, name: string, causes: Cause[]): StatusError {
  const texts = causes.map((cause) => (cause.field ? `${cause.field}: ${cause.message}` : `${cause.message}`));
  const all = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const title = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `${title} "${name}" is invalid: ${all}`,
    details: { name: name || undefined, group: kind.group || undefined, kind: kind.kind, causes },
  });
}
