import { StatusError } from '../../api/status-error.ts';
import type { Logger } from '../../base/log.ts';
import type { ServerHandler, ServerRequest, ServerResponse } from '../http/exchange.ts';
import { negotiateError } from '../http/media-type.ts';
import { statusOf } from '../http/response.ts';
import { encode } from '../render.ts';

/** Turns whatever is thrown further in into a Status in the negotiated format. Never throws. */
export function recover(next: ServerHandler, log: Logger): ServerHandler {
  return async (request) => {
    try {
      return await next(request);
    } catch (error) {
      if (!(error instanceof StatusError) && !request.cancellation.signal.aborted) {
        log.error('request failed', { method: request.method, path: request.target, error });
      }
      return failure(request, error);
    }
  };
}

async function failure(request: ServerRequest, error: unknown): Promise<ServerResponse> {
  const status = statusOf(error);
  const response = await encode(negotiateError(request.headers.accept), status, status.code ?? 500);
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter) response.headers['retry-after'] = String(retryAfter);
  return response;
}
