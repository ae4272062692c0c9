import { MessageWriter, readMessage } from '../base/protobuf-wire.ts';
import type { KeyValue } from './store.ts';

/** etcd's own messages, as far as the store needs them: api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto. */

export const methods = {
  range: '/etcdserverpb.KV/Range',
  deleteRange: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  watch: '/etcdserverpb.Watch/Watch',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  status: '/etcdserverpb.Maintenance/Status',
} as const;

export interface RangeRequest {
  key: string;
  /** Exclusive. @default only the key itself */
  end?: string;
  limit?: number;
  revision?: number;
  countOnly?: boolean;
}

export interface RangeResponse {
  /** The newest revision of the whole etcd. */
  revision: number;
  items: KeyValue[];
  more: boolean;
  count: number;
}

/** What must hold for a transaction to be carried out: of each key of the range, the last revision. */
export interface Comparison {
  key: string;
  end?: string;
  modRevision: { is: 'equal' | 'less'; to: number };
}

export type Operation =
  | { put: { key: string; value: Uint8Array; lease?: number } }
  | { delete: { key: string } }
  | { range: RangeRequest };

export interface TxnRequest {
  compare: Comparison[];
  success: Operation[];
  failure: Operation[];
}

export interface TxnResponse {
  revision: number;
  succeeded: boolean;
  /** The answers to the ranges among the operations, in order. */
  ranges: RangeResponse[];
}

export interface WatchResponse {
  revision: number;
  /** Why the watch is over. */
  canceled: string | undefined;
  /** Set when it is over because its start was compacted. */
  compactRevision: number;
  events: WatchEvent[];
}

export interface WatchEvent {
  deleted: boolean;
  /** On a deletion: only the key and the revision of the deletion. */
  current: KeyValue;
  previous: KeyValue | undefined;
}

export function encodeRange({ key, end, limit, revision, countOnly }: RangeRequest): Buffer {
  return new MessageWriter()
    .bytes(1, key)
    .bytes(2, end)
    .number(3, limit ?? 0)
    .number(4, revision ?? 0)
    .number(9, countOnly ?? false)
    .finish();
}

export function encodeDeleteRange(key: string, end?: string): Buffer {
  return new MessageWriter().bytes(1, key).bytes(2, end).finish();
}

export function encodeTxn({ compare, success, failure }: TxnRequest): Buffer {
  const message = new MessageWriter();
  for (const one of compare) message.bytes(1, encodeCompare(one));
  for (const one of success) message.bytes(2, encodeOperation(one));
  for (const one of failure) message.bytes(3, encodeOperation(one));
  return message.finish();
}

export function encodeCompact(revision: number): Buffer {
  return new MessageWriter().number(1, revision).finish();
}

export function encodeLeaseGrant(ttlSeconds: number, id: number): Buffer {
  return new MessageWriter().number(1, ttlSeconds).number(2, id).finish();
}

/** Watches with the values that are replaced. */
export function encodeWatchCreate(key: string, end: string, startRevision: number): Buffer {
  const create = new MessageWriter().bytes(1, key).bytes(2, end).number(3, startRevision).number(6, true);
  return new MessageWriter().bytes(1, create.finish()).finish();
}

const modTarget = 2;
const results = { equal: 0, less: 2 };

function encodeCompare({ key, end, modRevision }: Comparison): Buffer {
  return new MessageWriter()
    .number(1, results[modRevision.is])
    .number(2, modTarget)
    .bytes(3, key)
    .number(6, modRevision.to)
    .bytes(64, end)
    .finish();
}

function encodeOperation(operation: Operation): Buffer {
  const message = new MessageWriter();
  if ('range' in operation) return message.bytes(1, encodeRange(operation.range)).finish();
  if ('delete' in operation) return message.bytes(3, encodeDeleteRange(operation.delete.key)).finish();
  const { key, value, lease } = operation.put;
  const put = new MessageWriter()
    .bytes(1, key)
    .bytes(2, value)
    .number(3, lease ?? 0);
  return message.bytes(2, put.finish()).finish();
}

export function decodeRange(message: Buffer): RangeResponse {
  const response: RangeResponse = { revision: 0, items: [], more: false, count: 0 };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) response.revision = decodeHeader(bytes);
    else if (field === 2) response.items.push(decodeKeyValue(bytes));
    else if (field === 3) response.more = number === 1;
    else if (field === 4) response.count = number;
  });
  return response;
}

export function decodeTxn(message: Buffer): TxnResponse {
  const response: TxnResponse = { revision: 0, succeeded: false, ranges: [] };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) response.revision = decodeHeader(bytes);
    else if (field === 2) response.succeeded = number === 1;
    else if (field === 3) {
      readMessage(bytes, (kind, _number, inner) => {
        if (kind === 1) response.ranges.push(decodeRange(inner));
      });
    }
  });
  return response;
}

export function decodeWatch(message: Buffer): WatchResponse {
  const response: WatchResponse = { revision: 0, canceled: undefined, compactRevision: 0, events: [] };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) response.revision = decodeHeader(bytes);
    else if (field === 4 && number === 1) response.canceled ??= '';
    else if (field === 5) response.compactRevision = number;
    else if (field === 6) response.canceled = bytes.toString();
    else if (field === 11) response.events.push(decodeEvent(bytes));
  });
  return response;
}

function decodeHeader(message: Buffer): number {
  let revision = 0;
  readMessage(message, (field, number) => {
    if (field === 3) revision = number;
  });
  return revision;
}

function decodeKeyValue(message: Buffer): KeyValue {
  const item: KeyValue = { key: '', value: noValue, createRevision: 0, modRevision: 0 };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) item.key = bytes.toString();
    else if (field === 2) item.createRevision = number;
    else if (field === 3) item.modRevision = number;
    else if (field === 5) item.value = bytes;
  });
  return item;
}

function decodeEvent(message: Buffer): WatchEvent {
  const event: WatchEvent = { deleted: false, current: nothing, previous: undefined };
  readMessage(message, (field, number, bytes) => {
    if (field === 1) event.deleted = number === 1;
    else if (field === 2) event.current = decodeKeyValue(bytes);
    else if (field === 3) event.previous = decodeKeyValue(bytes);
  });
  return event;
}

const noValue = new Uint8Array();
const nothing: KeyValue = { key: '', value: noValue, createRevision: 0, modRevision: 0 };
