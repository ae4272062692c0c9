import type { KubeObject } from '../../api/object.ts';
import type { Call } from '../backend.ts';
import type { Accepted } from '../http/media-type.ts';
import { loadEncoder } from '../render.ts';
import { loadTransform } from '../render-as.ts';
import { viewOf } from '../views.ts';
import { bookmarkObject, type FrameEncoder } from './watch-frame.ts';

/** Watches in another form than plain JSON: tables, metadata only, YAML, protobuf. Encoded for each watcher. */
export async function transformedFrames(call: Call): Promise<FrameEncoder> {
  const { accepted, resource } = call;
  const encode = await loadEncoder({ ...accepted, as: undefined, pretty: false });
  const transform = await loadTransform(call);
  const frame = await loadFraming(call);
  const plain = (type: string, object: object) => frame(type, object, encode);
  const shown = (type: string, object: KubeObject) => plain(type, transform(object));
  return {
    event: (event) => shown(event.type, viewOf(event.entry, resource).object),
    entry: (type, entry) => shown(type, viewOf(entry, resource).object),
    bookmark: (revision, initialEnd) => {
      const object = bookmarkObject(call, revision, initialEnd);
      return plain('BOOKMARK', accepted.as ? bookmarkAs(accepted, object) : object);
    },
    error: (status) => plain('ERROR', status),
  };
}

/** A bookmark carries metadata only, so it needs no columns and no cells. */
function bookmarkAs({ as, asVersion }: Accepted, { metadata }: { metadata: object }): object {
  const rows = as === 'Table' ? { columnDefinitions: [], rows: [{ cells: [], object: partial() }] } : {};
  const own =
    as === 'Table' ? { resourceVersion: (metadata as { resourceVersion?: string }).resourceVersion } : metadata;
  return { kind: as, apiVersion: `meta.k8s.io/${asVersion}`, metadata: own, ...rows };

  function partial() {
    return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${asVersion}`, metadata };
  }
}

type Framing = (type: string, object: object, encode: (value: object) => Uint8Array) => Uint8Array;

async function loadFraming({ accepted }: Call): Promise<Framing> {
  if (accepted.format === 'json') return (type, object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);
  if (accepted.format === 'yaml')
    return (type, object, encode) => Buffer.concat([Buffer.from('---\n'), encode({ type, object })]);
  return (type, object, encode) => protobufFrame(type, encode(object));
}

/**
 * Four bytes of length, then a metav1.WatchEvent (type = 1, object = 2 with raw = 1), the object in its envelope
 * (apimachinery pkg/runtime/serializer/protobuf LengthDelimitedFramer).
 */
function protobufFrame(type: string, object: Uint8Array): Uint8Array {
  const raw = field(1, object);
  const event = Buffer.concat([field(1, Buffer.from(type)), field(2, raw)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

function field(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
