import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { RequestMetrics } from './endpoints/request-metrics.ts';
import { type Audit, audit, auditUnauthenticated } from './filters/audit.ts';
import { authentication } from './filters/authentication.ts';
import { authorization } from './filters/authorization.ts';
import { compression } from './filters/compression.ts';
import { deadline } from './filters/deadline.ts';
import { headers } from './filters/headers.ts';
import { impersonation } from './filters/impersonation.ts';
import { measure } from './filters/measure.ts';
import { priorityAndFairness, type SeatsOf } from './filters/priority-and-fairness.ts';
import { recover } from './filters/recover.ts';
import type { FlowControl } from './flow-control/flow-control.ts';
import type { ServerHandler } from './http/exchange.ts';
import type { Authenticator, Authorizer } from './request.ts';

export interface ChainOptions {
  log: Logger;
  clock: Clock;
  metrics: RequestMetrics;
  authenticators: readonly Authenticator[];
  authorizers: readonly Authorizer[];
  flowControl?: FlowControl | undefined;
  /** How many seats a list takes. */
  seatsOf: SeatsOf;
  /** Where requests are told of; nowhere when absent. */
  audit?: Audit | undefined;
}

/**
 * What every request passes, outermost first (apiserver pkg/server/config.go DefaultBuildHandlerChain). Request info
 * and the limit of the body's size are there before: whoever makes a ServerRequest parses the one and enforces the other.
 */
const filters: ((next: ServerHandler, options: ChainOptions) => ServerHandler)[] = [
  // Sees the final status of every request, failures among them.
  (next, { metrics }) => measure(next, metrics),
  (next) => compression(next),
  // Failures carry the headers too.
  (next) => headers(next),
  // Everything further in may throw.
  (next, { log }) => recover(next, log),
  (next, { clock, metrics }) => deadline(next, clock, metrics),
  (next, { authenticators, audit }) =>
    authentication(next, authenticators, audit && ((request, error) => auditUnauthenticated(request, error, audit))),
  // Knows who asks; sees who is impersonated, and what was decided.
  (next, options) => (options.audit ? audit(next, options.audit) : next),
  // Needs to know who asks, and decides as whom: so between these two.
  (next, { authorizers }) => impersonation(next, authorizers),
  // Whom a request counts for must be known; to decide what they may is work that has to wait for its turn.
  (next, { flowControl, seatsOf }) => priorityAndFairness(next, flowControl, seatsOf),
  (next, { authorizers }) => authorization(next, authorizers),
];

/** The chain in front of the router. */
export function buildChain(router: ServerHandler, options: ChainOptions): ServerHandler {
  return filters.reduceRight((next, filter) => filter(next, options), router);
}
