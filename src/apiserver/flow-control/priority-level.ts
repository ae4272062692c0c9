import type { PriorityLevelConfigurationSpec } from '../../api/generated/flowcontrol-v1.ts';
import type { SeatBounds } from './plan-limits.ts';

/** A request that waits for its turn. */
export interface Waiting {
  seats: number;
  queue: Queue;
  /** Called once: may it run, or why not. */
  settle(outcome: 'run' | 'time-out' | 'cancelled'): void;
}

interface Queue {
  requests: Waiting[];
  /** Seats of work that it has been given, as if all queues had begun together: the least is next. */
  served: number;
}

/** The requests of one priority level: how many run, and the queues of those that wait. */
export class PriorityLevel {
  readonly name: string;
  /** undefined: whoever finds no seat is refused. */
  readonly queuing: { queues: number; handSize: number; queueLengthLimit: number } | undefined;
  readonly exempt: boolean;
  /** Seats that its requests may take at once; moves between its bounds. */
  limit: number;
  bounds: SeatBounds;
  executing = 0;
  executingSeats = 0;
  waiting = 0;
  waitingSeats = 0;
  /** Most seats wanted at once since somebody last took it. */
  highWatermark = 0;
  smoothedDemand = 0;
  /** Seats of work given, divided by the limit, as if all levels had begun together: the least is next. */
  served = 0;
  readonly #queues: Queue[];
  /** Those with requests in them. */
  readonly #active = new Set<Queue>();
  /** Work of the queue that was served last: a queue that wakes up starts from there. */
  #reached = 0;

  constructor(name: string, { type, limited }: PriorityLevelConfigurationSpec, bounds: SeatBounds) {
    this.name = name;
    this.exempt = type === 'Exempt';
    this.bounds = bounds;
    this.limit = bounds.nominal;
    const { type: response, queuing } = limited?.limitResponse ?? {};
    const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing ?? {};
    this.queuing = response === 'Queue' ? { queues, handSize, queueLengthLimit } : undefined;
    this.#queues = Array.from({ length: this.queuing?.queues ?? 0 }, () => ({ requests: [], served: 0 }));
  }

  /** One that is wider than the limit runs alone. */
  hasRoomFor(seats: number): boolean {
    return this.executingSeats + seats <= this.limit || this.executingSeats === 0;
  }

  begin(seats: number): void {
    this.executing++;
    this.executingSeats += seats;
    const wanted = this.executingSeats + this.waitingSeats;
    if (wanted > this.highWatermark) this.highWatermark = wanted;
  }

  end(seats: number): void {
    this.executing--;
    this.executingSeats -= seats;
  }

  /** Into the shortest queue of the hand; undefined if that is full. */
  enqueue(hand: readonly number[], seats: number, settle: Waiting['settle']): Waiting | undefined {
    let queue = this.#queues[hand[0]!]!;
    for (const index of hand) {
      const other = this.#queues[index]!;
      if (other.requests.length < queue.requests.length) queue = other;
    }
    if (queue.requests.length >= this.queuing!.queueLengthLimit) return undefined;
    const request: Waiting = { seats, queue, settle };
    if (queue.requests.length === 0) {
      queue.served = Math.max(queue.served, this.#reached);
      this.#active.add(queue);
    }
    queue.requests.push(request);
    this.#count(1, seats);
    return request;
  }

  /** The request whose turn it is, taken out of its queue; undefined if there is no room for it. */
  next(): Waiting | undefined {
    let queue: Queue | undefined;
    for (const other of this.#active) if (!queue || other.served < queue.served) queue = other;
    const request = queue?.requests[0];
    if (!queue || !request || !this.hasRoomFor(request.seats)) return undefined;
    this.#reached = queue.served;
    queue.served += request.seats;
    this.remove(request);
    return request;
  }

  /** Takes a request out that runs, or does not want to any more. */
  remove(request: Waiting): void {
    const { queue, seats } = request;
    const index = queue.requests.indexOf(request);
    if (index < 0) return;
    queue.requests.splice(index, 1);
    if (queue.requests.length === 0) this.#active.delete(queue);
    this.#count(-1, -seats);
  }

  #count(requests: number, seats: number): void {
    this.waiting += requests;
    this.waitingSeats += seats;
    const wanted = this.executingSeats + this.waitingSeats;
    if (wanted > this.highWatermark) this.highWatermark = wanted;
  }
}
