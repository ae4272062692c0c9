import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { AuditBackend } from './backend.ts';
import type { AuditEvent } from './event.ts';

/** kube-apiserver's --audit-webhook-… in batch mode. */
export interface WebhookBackendOptions {
  /** Sends one EventList; rejects where it has not been taken. */
  send(list: object): Promise<unknown>;
  /** Most events that wait; what comes then is lost. */
  bufferSize: number;
  /** Most events in one list. */
  maxBatchSize: number;
  /** After this time a list is sent however short it is. */
  maxBatchWaitMs: number;
  /** So many lists a second, and so many at once; undefined: as they come. */
  throttle: { qps: number; burst: number } | undefined;
  /** Before the first repetition; each further one waits half as long again. */
  initialBackoffMs: number;
}

/** How often a list is sent at most (apiserver pkg/util/webhook DefaultRetryBackoffWithInitialDelay). */
const attempts = 5;
const backoffFactor = 1.5;

/** Sends events in lists to a webhook (apiserver plugin/pkg/audit/webhook and buffered); no request waits for it. */
export function auditWebhook(
  options: WebhookBackendOptions,
  { clock, log }: { clock: Clock; log: Logger },
): AuditBackend {
  /** What has not been sent, oldest first. */
  const waiting: AuditEvent[] = [];
  /** Lists that are being sent, or wait for the next attempt. */
  const sending = new Set<Promise<void>>();
  /** How many lists may be sent now. */
  let allowance = options.throttle?.burst ?? Infinity;
  let allowedMs = clock.steady();
  /** How many events were lost since that was last told. */
  let lost = 0;
  /** Cancels what is planned; undefined while nothing is. */
  let cancel: (() => void) | undefined;
  /** Once set, nothing waits any more, which those that do are told by the promise. */
  let closing = false;
  const closed = Promise.withResolvers<void>();

  return {
    write(event) {
      if (waiting.length >= options.bufferSize) {
        if (lost++ === 0)
          log.error('the buffer of audit events is full: events are lost', { size: options.bufferSize });
        return;
      }
      waiting.push(event);
      if (closing || waiting.length >= options.maxBatchSize) flush();
      else cancel ??= clock.after(options.maxBatchWaitMs, flush);
    },
    async close() {
      closing = true;
      closed.resolve();
      while (waiting.length > 0 || sending.size > 0) {
        flush();
        await Promise.all(sending);
      }
    },
  };

  function flush(): void {
    cancel?.();
    cancel = undefined;
    while (waiting.length > 0) {
      const delayMs = closing ? 0 : untilAllowedMs();
      if (delayMs > 0) {
        cancel = clock.after(delayMs, flush);
        return;
      }
      allowance--;
      const sent = deliver(waiting.splice(0, options.maxBatchSize)).finally(() => sending.delete(sent));
      sending.add(sent);
    }
    if (lost > 0) log.error('audit events were lost', { count: lost });
    lost = 0;
  }

  /** Milliseconds until another list may be sent. */
  function untilAllowedMs(): number {
    if (!options.throttle) return 0;
    const { qps, burst } = options.throttle;
    const now = clock.steady();
    allowance = Math.min(burst, allowance + ((now - allowedMs) / 1000) * qps);
    allowedMs = now;
    return allowance >= 1 ? 0 : Math.ceil(((1 - allowance) / qps) * 1000);
  }

  async function deliver(events: AuditEvent[]): Promise<void> {
    const items = events.map(({ kind: _kind, apiVersion: _version, ...item }) => item);
    const list = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items };
    let delayMs = options.initialBackoffMs;
    for (let attempt = 1; ; attempt++) {
      try {
        await options.send(list);
        return;
      } catch (error) {
        if (attempt >= attempts || closing) {
          log.error('audit events could not be sent', { count: events.length, error });
          return;
        }
      }
      await Promise.race([closed.promise, new Promise<void>((resolve) => void clock.after(delayMs, resolve))]);
      delayMs *= backoffFactor;
    }
  }
}
