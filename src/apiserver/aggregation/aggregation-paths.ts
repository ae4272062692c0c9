import type { OutgoingHttpHeaders } from 'node:http';
import type { APIService } from '../../api/generated/apiregistration-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import { requestTimeoutMs } from '../filters/deadline.ts';
import { isLongRunning } from '../filters/long-running.ts';
import type { ServerRequest, ServerResponse } from '../http/exchange.ts';
import type { ObjectReader } from '../request.ts';
import type { PathHandler } from '../router.ts';
import type { ApiServices } from './api-services.ts';
import { type FrontProxy, requestBackend, tunnelToBackend } from './backend-connection.ts';

/** Of this connection alone, or ours to say. */
const ownHeaders =
  /^(:.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|authorization|impersonate-.*|x-remote-.*|content-length|accept-encoding)$/;

/** Passes on what extension servers serve (KEP aggregated API servers). */
export function aggregationPaths(options: {
  services: ApiServices;
  reader: ObjectReader;
  frontProxy: FrontProxy | undefined;
}): PathHandler {
  return async (request) => {
    const [, root, group, version] = request.path.split('/');
    if (root !== 'apis' || !group || !version) return undefined;
    const service = options.services.find(group, version);
    if (!service) return undefined;
    if (!options.services.isAvailable(service)) throw unavailable('service unavailable');
    if (request.upgrade) return tunnelToBackend(options, service, request);
    return forward(request, service);
  };

  async function forward(request: ServerRequest, service: APIService): Promise<ServerResponse> {
    const { method, target, user, cancellation } = request;
    // Who asked has his answer by then: a server that hangs must not hold connections.
    const signal = isLongRunning(request)
      ? cancellation.signal
      : AbortSignal.any([cancellation.signal, AbortSignal.timeout(requestTimeoutMs)]);
    const headers: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(request.headers)) if (!ownHeaders.test(name)) headers[name] = value;
    const body = method === 'GET' || method === 'HEAD' ? {} : { body: await request.body() };
    if (body.body) headers['content-length'] = body.body.length;
    const asked = { method, path: target, headers, ...body, user, signal };
    const answer = await requestBackend(options, service, asked).catch((error: Error) => {
      throw unavailable(`error trying to reach service: ${error.message}`, error);
    });
    const answered: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined && !/^(connection|keep-alive|transfer-encoding|content-length)$/.test(name))
        answered[name] = [value].flat().join(', ');
    return { status: answer.statusCode ?? 502, headers: answered, body: answer };
  }
}

function unavailable(message: string, cause?: unknown): StatusError {
  const error = new StatusError({ code: 503, reason: 'ServiceUnavailable', message });
  error.cause = cause;
  return error;
}
