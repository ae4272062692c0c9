import type { RequestMetrics } from '../endpoints/request-metrics.ts';
import type { ServerHandler } from '../http/exchange.ts';

/** Counts requests and how long they take. */
export function measure(next: ServerHandler, metrics: RequestMetrics): ServerHandler {
  const { inFlight } = metrics;
  return async (request) => {
    const start = performance.now();
    const kind = metrics.kindOf(request.info);
    inFlight[kind]++;
    try {
      const response = await next(request);
      metrics.observe(request.info, response.status, (performance.now() - start) / 1000);
      return response;
    } finally {
      inFlight[kind]--;
    }
  };
}
