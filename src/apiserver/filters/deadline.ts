import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { goDurationMs } from '../../base/go-duration.ts';
import { InFlight, type Placed } from '../../base/in-flight.ts';
import type { RequestMetrics } from '../endpoints/request-metrics.ts';
import type { ServerHandler, ServerRequest, ServerResponse } from '../http/exchange.ts';
import { isLongRunning } from './long-running.ts';

/** --request-timeout: the longest that a request may take that does not stay open by its nature. */
export const requestTimeoutMs = 60_000;
/** How often the requests that are under way are looked at. */
const lookMs = 500;

interface Pending extends Placed {
  request: ServerRequest;
  untilMs: number;
  fail(error: StatusError): void;
}

/**
 * Answers 504 to who would wait too long, and ends the work behind the request (apiserver pkg/server/filters/timeout.go,
 * pkg/endpoints/filters/request_deadline.go).
 */
export function deadline(next: ServerHandler, clock: Clock, metrics: RequestMetrics): ServerHandler {
  /** A timer for each request would cost more than most requests. */
  const pending = new InFlight<Pending>();
  let looking = false;

  return (request) => {
    if (request.trustedUser || isLongRunning(request)) return next(request);
    const timeoutMs = request.query.has('timeout') ? timeoutOf(request.query.get('timeout')!) : requestTimeoutMs;
    return new Promise<ServerResponse>((resolve, reject) => {
      const entry: Pending = { request, untilMs: clock.steady() + timeoutMs, fail: reject, place: -1 };
      pending.add(entry);
      if (!looking) look();
      const done = () => pending.delete(entry);
      next(request).then(
        (response) => {
          done();
          resolve(response);
        },
        (error: unknown) => {
          done();
          reject(error as Error);
        },
      );
    });
  };

  function look(): void {
    looking = pending.size > 0;
    if (!looking) return;
    const now = clock.steady();
    for (const entry of pending.list()) {
      if (entry.untilMs > now) continue;
      pending.delete(entry);
      metrics.terminated(entry.request.info, 504);
      const error = tooLate();
      entry.fail(error);
      entry.request.cancellation.abort(error);
    }
    clock.after(lookMs, look);
  }
}

function tooLate(): StatusError {
  const message = 'Timeout: request did not complete within the allotted timeout';
  return new StatusError({ code: 504, reason: 'Timeout', message, details: {} });
}

/** 0 stands for the longest time. */
export function timeoutOf(text: string): number {
  if (text === '') return requestTimeoutMs;
  let ms: number;
  try {
    ms = goDurationMs(text);
  } catch {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  }
  return ms > 0 ? Math.min(ms, requestTimeoutMs) : requestTimeoutMs;
}
