import type { Flow, FlowControl } from '../flow-control/flow-control.ts';
import type { ServerHandler, ServerRequest, ServerResponse } from '../http/exchange.ts';
import { text } from '../http/response.ts';
import { isLongRunning } from './long-running.ts';

/** How many seats a request takes while it runs. */
export type SeatsOf = (request: ServerRequest) => number;

/**
 * Lets a request run when it is its flow's turn (apiserver pkg/server/filters/priority-and-fairness.go). Long-running ones
 * pass; a watch counts until it is set up. Calls from within the process pass, too: they are what everybody waits for.
 */
export function priorityAndFairness(
  next: ServerHandler,
  flowControl: FlowControl | undefined,
  seatsOf: SeatsOf,
): ServerHandler {
  if (!flowControl) return next;
  return async (request) => {
    const passes = request.trustedUser || (request.info.verb !== 'watch' && isLongRunning(request));
    if (passes) return next(request);
    const flow = flowControl.classify(request.user, request.info);
    if (!flow) return next(request);
    const seats = flow.level.exempt || request.info.verb !== 'list' ? 1 : seatsOf(request);
    if (!flowControl.tryBegin(flow, seats)) {
      const outcome = await flowControl.begin(flow, seats, request.cancellation.signal);
      if (outcome !== 'run') return marked(tooManyRequests(), flow);
    }
    const start = performance.now();
    try {
      return marked(await next(request), flow);
    } finally {
      flowControl.end(flow, seats, (performance.now() - start) / 1000);
    }
  };
}

function marked(response: ServerResponse, { schemaUid, levelUid }: Flow): ServerResponse {
  response.headers['x-kubernetes-pf-flowschema-uid'] = schemaUid;
  response.headers['x-kubernetes-pf-prioritylevel-uid'] = levelUid;
  return response;
}

function tooManyRequests(): ServerResponse {
  return text(429, 'Too many requests, please try again later.\n', { 'retry-after': '1' });
}
