import { setTimeout as sleep } from 'node:timers/promises';
import type { RawRequest, RawResponse, Transport } from './client.ts';

/** How often at most (client-go rest/request.go maxRetries). */
const mostRetries = 10;

/**
 * Sends a request again when the server says that it could not look at it now, and when to come back: too many requests
 * (priority and fairness), or a server that is about to be there (client-go rest/with_retry.go).
 */
export async function requestPatiently(transport: Transport, request: RawRequest): Promise<RawResponse> {
  for (let attempt = 0; ; attempt++) {
    const response = await transport.request(request);
    const seconds = attempt < mostRetries ? secondsToWait(response) : undefined;
    if (seconds === undefined) return response;
    await response.text();
    await sleep(seconds * 1000, undefined, request.signal ? { signal: request.signal } : {});
  }
}

function secondsToWait({ status, headers }: RawResponse): number | undefined {
  if (status !== 429 && status < 500) return undefined;
  const seconds = Number(headers['retry-after'] || Number.NaN);
  return seconds >= 0 ? seconds : undefined;
}
