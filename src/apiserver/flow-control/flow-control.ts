import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { builtin } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import { type Figure, Histogram, Metric, type MetricFamily, type Series } from '../../base/metrics.ts';
import type { ObjectReader, RequestInfo, UserInfo } from '../request.ts';
import { Dispatcher } from './dispatcher.ts';
import { matchesSchema } from './match.ts';
import { planBounds, planCurrentLimits, smoothDemand } from './plan-limits.ts';
import { PriorityLevel } from './priority-level.ts';
import { dealHand } from './shuffle-shard.ts';

export const flowSchemas = builtin<FlowSchema>('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas');
export const priorityLevels = builtin<PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io',
  'v1',
  'prioritylevelconfigurations',
);

/** --max-requests-inflight and --max-mutating-requests-inflight. */
const totalSeats = 400 + 200;
/** A quarter of the longest time that a request may take. */
const waitLimitMs = 15_000;
/** How often seats are lent anew. */
const borrowIntervalMs = 10_000;
/** Different requests of different users that are remembered; all are forgotten when there are more. */
const mostKnown = 5000;

/** Where a request belongs. */
export interface Flow {
  level: PriorityLevel;
  schemaUid: string;
  levelUid: string;
  /** Indexes of the queues that it may wait in. */
  hand: readonly number[];
  dispatched: Figure;
  waited: Series;
  executed: Series;
  schemaName: string;
}

export interface FlowControlOptions {
  reader: ObjectReader;
  clock: Clock;
}

/** Priority and fairness (KEP-1040): sorts requests into flows, and lets them run by turns when there are too many. */
export class FlowControl {
  readonly #options: FlowControlOptions;
  readonly #dispatcher = new Dispatcher();
  /** By name. */
  #levels = new Map<string, PriorityLevel>();
  #levelUids = new Map<string, string>();
  /** In the order in which they are asked. */
  #schemas: readonly FlowSchema[] = [];
  /** Changes of the objects that the above was made from. */
  #seen: [number, number] = [-1, -1];
  /** By user and kind of request. */
  readonly #known = new Map<string, Flow | undefined>();
  #cancel = () => {};
  readonly #dispatched = new Metric('counter', {
    name: 'apiserver_flowcontrol_dispatched_requests_total',
    help: 'Number of requests executed by API Priority and Fairness subsystem',
    labels: ['priority_level', 'flow_schema'],
  });
  readonly #rejected = new Metric('counter', {
    name: 'apiserver_flowcontrol_rejected_requests_total',
    help: 'Number of requests rejected by API Priority and Fairness subsystem',
    labels: ['priority_level', 'flow_schema', 'reason'],
  });
  readonly #waits = new Histogram([0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30], {
    name: 'apiserver_flowcontrol_request_wait_duration_seconds',
    help: 'Length of time a request spent waiting in its queue',
    labels: ['priority_level', 'flow_schema', 'execute'],
  });

  readonly #executions = new Histogram([0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30], {
    name: 'apiserver_flowcontrol_request_execution_seconds',
    help: 'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
    labels: ['priority_level', 'flow_schema', 'type'],
  });

  constructor(options: FlowControlOptions) {
    this.#options = options;
  }

  start(): void {
    const tick = () => {
      this.#lend();
      this.#cancel = this.#options.clock.after(borrowIntervalMs, tick);
    };
    this.#cancel = this.#options.clock.after(borrowIntervalMs, tick);
  }

  stop(): void {
    this.#cancel();
  }

  /** The flow of a request; undefined while there are no FlowSchemas. */
  classify(user: UserInfo, info: RequestInfo): Flow | undefined {
    this.#refresh();
    const what = info.isResourceRequest
      ? `${info.verb} ${info.group}/${info.resource}/${info.subresource} ${info.namespace}`
      : `${info.verb} ${info.path}`;
    const key = `${user.name}\0${user.groups.length === 1 ? user.groups[0] : user.groups.join('\0')}\0${what}`;
    const known = this.#known.get(key);
    if (known || this.#known.has(key)) return known;
    if (this.#known.size >= mostKnown) this.#known.clear();
    const flow = this.#find(user, info);
    this.#known.set(key, flow);
    return flow;
  }

  /** Whether the request may run; if so, end() must follow. */
  async begin(
    flow: Flow,
    seats: number,
    signal: AbortSignal,
  ): Promise<'run' | 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled'> {
    const { level, hand } = flow;
    if (!level.queuing) return this.#refuse(flow, 'concurrency-limit');
    const start = performance.now();
    const outcome = await this.#dispatcher.wait(level, hand, seats, { timeoutMs: waitLimitMs, signal });
    const seconds = (performance.now() - start) / 1000;
    if (outcome !== 'run') {
      this.#waits.observe(seconds, level.name, flow.schemaName, 'false');
      return this.#refuse(flow, outcome);
    }
    flow.dispatched.value++;
    flow.waited.observe(seconds);
    return outcome;
  }

  /** The usual case, without waiting. */
  tryBegin(flow: Flow, seats: number): boolean {
    const { level } = flow;
    if (level.exempt) level.begin(seats);
    else if (!this.#dispatcher.tryBegin(level, seats)) return false;
    flow.dispatched.value++;
    flow.waited.observe(0);
    return true;
  }

  end({ level, executed }: Flow, seats: number, seconds: number): void {
    executed.observe(seconds);
    if (level.exempt) level.end(seats);
    else this.#dispatcher.end(level, seats);
  }

  metrics(): MetricFamily[] {
    const levels = [...this.#levels.values()];
    const gauge = (name: string, help: string, read: (level: PriorityLevel) => number): MetricFamily => ({
      name: `apiserver_flowcontrol_${name}`,
      ...{ help, type: 'gauge' },
      samples: levels.map((level) => ({ labels: { priority_level: level.name }, value: read(level) })),
    });
    return [
      this.#dispatched.family(),
      this.#rejected.family(),
      this.#waits.family(),
      this.#executions.family(),
      gauge(
        'current_executing_requests',
        'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
        (level) => level.executing,
      ),
      gauge(
        'current_executing_seats',
        'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
        (level) => level.executingSeats,
      ),
      gauge(
        'current_inqueue_requests',
        'Number of requests currently pending in queues of the API Priority and Fairness subsystem',
        (level) => level.waiting,
      ),
      gauge(
        'current_limit_seats',
        'current derived number of execution seats available to each priority level',
        (level) => level.limit,
      ),
      gauge(
        'nominal_limit_seats',
        'Nominal number of execution seats configured for each priority level',
        (level) => level.bounds.nominal,
      ),
      gauge(
        'lower_limit_seats',
        'Configured lower bound on number of execution seats available to each priority level',
        (level) => level.bounds.min,
      ),
      gauge(
        'upper_limit_seats',
        'Configured upper bound on number of execution seats available to each priority level',
        (level) => level.bounds.max,
      ),
      gauge(
        'demand_seats_high_watermark',
        'High watermark, over last adjustment period, of demand_seats',
        (level) => level.highWatermark,
      ),
    ];
  }

  #refuse<R extends string>({ level, schemaName }: Flow, reason: R): R {
    this.#rejected.add(1, level.name, schemaName, reason);
    return reason;
  }

  /** Takes over changed objects. Requests that wait or run in a level that went stay with it until they are done. */
  #refresh(): void {
    const { reader } = this.#options;
    const now: [number, number] = [reader.changes?.(flowSchemas) ?? 0, reader.changes?.(priorityLevels) ?? 0];
    if (now[0] === this.#seen[0] && now[1] === this.#seen[1]) return;
    if (now[1] !== this.#seen[1]) this.#setLevels(reader.list(priorityLevels));
    this.#seen = now;
    const order = ({ metadata, spec }: FlowSchema): [number, string] => [
      spec.matchingPrecedence ?? 1000,
      metadata.name,
    ];
    this.#schemas = reader
      .list(flowSchemas)
      .filter(({ spec }) => this.#levels.has(spec.priorityLevelConfiguration.name))
      .sort((a, b) => {
        const [one, other] = [order(a), order(b)];
        return one[0] - other[0] || (one[1] < other[1] ? -1 : 1);
      });
    this.#known.clear();
  }

  #setLevels(configurations: PriorityLevelConfiguration[]): void {
    const specs = new Map(configurations.map(({ metadata, spec }) => [metadata.name, spec]));
    const bounds = planBounds(specs, totalSeats);
    const levels = new Map<string, PriorityLevel>();
    for (const [name, spec] of specs) {
      const level = new PriorityLevel(name, spec, bounds.get(name)!);
      const before = this.#levels.get(name);
      // What runs goes on counting against the level as it is now.
      if (before && sameQueues(before, level)) {
        before.bounds = level.bounds;
        before.limit = level.limit;
        levels.set(name, before);
      } else levels.set(name, level);
    }
    this.#levels = levels;
    this.#levelUids = new Map(configurations.map(({ metadata }) => [metadata.name, metadata.uid]));
  }

  #find(user: UserInfo, info: RequestInfo): Flow | undefined {
    const schema = this.#schemas.find((one) => matchesSchema(one, user, info));
    if (!schema) return undefined;
    const { name, uid } = schema.metadata;
    const level = this.#levels.get(schema.spec.priorityLevelConfiguration.name)!;
    const method = schema.spec.distinguisherMethod?.type;
    const distinguisher = method === 'ByUser' ? user.name : method === 'ByNamespace' ? info.namespace : '';
    return {
      ...{ level, schemaName: name, schemaUid: uid, levelUid: this.#levelUids.get(level.name) ?? '' },
      hand: level.queuing ? dealHand(`${name}\0${distinguisher}`, level.queuing.queues, level.queuing.handSize) : [],
      dispatched: this.#dispatched.of(level.name, name),
      waited: this.#waits.of(level.name, name, 'true'),
      executed: this.#executions.of(level.name, name, info.verb === 'watch' ? 'watch' : 'regular'),
    };
  }

  /** Moves seats from levels that did not want them to those that did. */
  #lend(): void {
    this.#refresh();
    const limited = [...this.#levels.values()].filter(({ exempt }) => !exempt);
    if (limited.every(({ highWatermark, smoothedDemand }) => highWatermark === 0 && smoothedDemand < 0.5)) return;
    const demands = new Map(
      limited.map((level) => {
        level.smoothedDemand = smoothDemand(level.smoothedDemand, level.highWatermark);
        const { bounds, highWatermark, smoothedDemand: smoothed } = level;
        return [level.name, { ...bounds, highWatermark, smoothed }] as const;
      }),
    );
    const limits = planCurrentLimits(demands, totalSeats);
    for (const level of limited) {
      level.limit = limits.get(level.name) ?? level.limit;
      level.highWatermark = level.executingSeats + level.waitingSeats;
    }
  }
}

function sameQueues(a: PriorityLevel, b: PriorityLevel): boolean {
  return a.exempt === b.exempt && JSON.stringify(a.queuing) === JSON.stringify(b.queuing);
}
