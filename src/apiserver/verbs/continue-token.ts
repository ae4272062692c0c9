import { badRequest, StatusError } from '../../api/status-error.ts';

/** Where a list goes on, and at which revision. */
export interface ContinueToken {
  /** -1: at the newest revision, which is no longer consistent with what came before. */
  revision: number;
  /** The storage key to start at, as seen from the list's own prefix. */
  start: string;
}

/** The form of apiserver pkg/storage/continue.go: base64url of JSON. */
export function encodeContinue({ revision, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

export function decodeContinue(text: string): ContinueToken {
  let token: { v?: string; rv?: number; start?: string };
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch (error) {
    throw badRequest(`continue key is not valid: ${(error as Error).message}`);
  }
  if (token.v !== 'meta.k8s.io/v1') {
    throw badRequest('continue key is not valid: server does not recognize this encoded version');
  }
  if (!token.rv)
    throw badRequest('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (!token.start) throw badRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  if (token.start.split('/').includes('..')) throw badRequest(`continue key is not valid: ${token.start}`);
  return { revision: token.rv, start: token.start };
}

/** 410 with a token that goes on at the newest revision (apiserver pkg/storage/etcd3/errors.go handleCompactedErrorForPaging). */
export function expiredContinue(start: string): StatusError {
  const error = new StatusError({
    code: 410,
    reason: 'Expired',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  });
  error.status.metadata.continue = encodeContinue({ revision: -1, start });
  return error;
}
