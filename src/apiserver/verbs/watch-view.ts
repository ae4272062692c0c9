import type { Call } from '../backend.ts';
import { type Selection, selectionOf } from '../selection.ts';
import { type CacheEntry, deletedEntry } from '../storage/cache-entry.ts';
import type { CacheEvent } from '../storage/resource-cache.ts';
import type { ServedResource } from '../strategy.ts';
import { viewOf } from '../views.ts';
import { listPrefix } from './list.ts';
import { type FrameEncoder, frameEncoder } from './watch-frame.ts';

/** Which objects a watch shows, and in which form. */
export interface WatchView {
  resource: ServedResource;
  /** Keys of its objects begin with this. */
  prefix: string;
  selection: Selection;
  encode: FrameEncoder;
  /** Two views of what is stored under one prefix show the same if these are equal. */
  id: string;
}

export async function watchView(call: Call): Promise<WatchView> {
  const { resource, accepted, request } = call;
  const prefix = listPrefix(call);
  const asked = ['labelSelector', 'fieldSelector', 'includeObject'].map((name) => request.query.get(name) ?? '');
  return {
    resource,
    prefix,
    selection: selectionOf(resource, request.query),
    encode: await frameEncoder(call),
    id: JSON.stringify([served(resource), prefix, ...asked, ...Object.values(accepted)]),
  };
}

/**
 * The bytes that tell of an event; undefined if there is nothing of it to be seen. `left` is the last state of an object
 * that leaves the selection, if it had to be converted.
 */
export function frameOf(view: WatchView, event: CacheEvent, left?: CacheEntry): Uint8Array | undefined {
  const { selection, encode, resource } = view;
  const { entry, previous, type } = event;
  if (!entry.key.startsWith(view.prefix)) return undefined;
  if (!selection) return encode.event(event);
  const matched = previous !== undefined && selection(viewOf(previous, resource));
  const matches = type !== 'DELETED' && selection(viewOf(entry, resource));
  if (matches) return matched === (type === 'MODIFIED') ? encode.event(event) : encode.entry('ADDED', entry);
  if (!matched) return undefined;
  if (type === 'DELETED') return encode.event(event);
  // The object left the selection: its last selected state, at this revision.
  return encode.entry('DELETED', left ?? deletedEntry(previous, event.revision));
}

/** Numbers of resources in one of their versions; that of a custom resource is another one when its definition has changed. */
const numbers = new WeakMap<ServedResource, number>();
let nextNumber = 0;

function served(resource: ServedResource): number {
  const number = numbers.get(resource) ?? nextNumber++;
  numbers.set(resource, number);
  return number;
}
