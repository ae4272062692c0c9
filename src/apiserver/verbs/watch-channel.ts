import type { Clock } from '../../base/clock.ts';
import type { PushStream } from '../http/push-stream.ts';
import type { ResourceCache } from '../storage/resource-cache.ts';
import { frameOf, type WatchView } from './watch-view.ts';

/**
 * A write to a connection costs as much as encrypting fifty events. After a round of writes what comes waits for more, so
 * that rounds take about a third of the time, however many streams there are; the first event after a while goes out at
 * once.
 */
const spacingMs = { least: 5, perStream: 0.1, most: 200 };

/** So many streams are written to in one turn of the event loop. */
const streamsPerTurn = 250;

type EventSource = Pick<ResourceCache, 'listen'>;

/** Streams of one view: each event is looked at, encoded and joined with others once for all of them. */
export class WatchChannel {
  readonly view: WatchView;
  readonly #source: EventSource;
  readonly #clock: Clock;
  readonly #onEmpty: () => void;
  /** Who is told. */
  readonly #streams = new Set<PushStream>();
  /** What the next round will write, in order. */
  #frames: Uint8Array[] = [];
  /** For streams that are not to have all of #frames: how many of them not. */
  #skip = new Map<PushStream, number>();
  /** The round that is under way. */
  #round: Round | undefined;
  /** Whether a round is due. */
  #scheduled = false;
  /** When the last round began. */
  #writtenMs = Number.NEGATIVE_INFINITY;
  /** Ends listening to the cache, which lasts while there are streams. */
  #unlisten: () => void = () => {};

  /** `onEmpty` is called when the last stream has left. */
  constructor(view: WatchView, source: EventSource, clock: Clock, onEmpty: () => void) {
    this.view = view;
    this.#source = source;
    this.#clock = clock;
    this.#onEmpty = onEmpty;
  }

  /** From now on the stream is told of every event. */
  join(stream: PushStream): void {
    if (this.#streams.size === 0) this.#listen();
    this.#streams.add(stream);
    if (this.#frames.length > 0) this.#skip.set(stream, this.#frames.length);
  }

  leave(stream: PushStream): void {
    this.#skip.delete(stream);
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#unlisten();
    this.#frames = [];
    this.#onEmpty();
  }

  /** Gives the stream what waits for the next round, before something of its own is pushed. */
  catchUp(stream: PushStream): void {
    if (!this.#streams.has(stream)) return;
    while (this.#round) this.#writeSome();
    const waiting = this.#frames.slice(this.#skip.get(stream));
    if (this.#frames.length > 0) this.#skip.set(stream, this.#frames.length);
    for (const frame of waiting) stream.push(frame);
  }

  #listen(): void {
    this.#unlisten = this.#source.listen((event) => {
      const frame = frameOf(this.view, event);
      if (!frame) return;
      this.#frames.push(frame);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#round) return;
    this.#scheduled = true;
    const { least, perStream, most } = spacingMs;
    const spacing = Math.min(most, Math.max(least, perStream * this.#streams.size));
    const waitMs = this.#writtenMs + spacing - this.#clock.steady();
    if (waitMs > 0) this.#clock.after(waitMs, () => this.#write());
    else queueMicrotask(() => this.#write());
  }

  #write(): void {
    this.#scheduled = false;
    if (this.#frames.length === 0) return;
    this.#writtenMs = this.#clock.steady();
    this.#round = { frames: this.#frames, whole: joined(this.#frames), skip: this.#skip, left: [...this.#streams] };
    this.#frames = [];
    this.#skip = new Map();
    this.#writeSome();
  }

  /** Goes on with the round. */
  #writeSome(): void {
    const round = this.#round;
    if (!round) return;
    const { frames, whole, skip, left } = round;
    for (const stream of left.splice(0, streamsPerTurn)) {
      if (!this.#streams.has(stream)) continue;
      const skipped = skip.get(stream);
      if (skipped === undefined) stream.write(whole);
      else if (skipped < frames.length) stream.write(joined(frames.slice(skipped)));
    }
    if (left.length > 0) {
      setImmediate(() => this.#writeSome());
      return;
    }
    this.#round = undefined;
    if (this.#frames.length > 0) this.#schedule();
  }
}

interface Round {
  frames: Uint8Array[];
  /** `frames` end to end. */
  whole: Uint8Array;
  skip: Map<PushStream, number>;
  /** Who has not been written to yet. */
  left: PushStream[];
}

function joined(frames: Uint8Array[]): Uint8Array {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}

/** The channels that have streams: of each resource by view. */
const channels = new WeakMap<ResourceCache, Map<string, WatchChannel>>();

/** Has the stream told what happens, together with all others of its view; it must leave the channel in the end. */
export function joinChannel(view: WatchView, cache: ResourceCache, clock: Clock, stream: PushStream): WatchChannel {
  const known = channels.get(cache) ?? new Map<string, WatchChannel>();
  channels.set(cache, known);
  let channel = known.get(view.id);
  if (!channel) {
    channel = new WatchChannel(view, cache, clock, () => known.delete(view.id));
    known.set(view.id, channel);
  }
  channel.join(stream);
  return channel;
}
