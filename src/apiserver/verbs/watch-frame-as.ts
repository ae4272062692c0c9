import type { KubeObject } from '../../api/object.ts';
import { encodeWatchFrame } from '../../api/protobuf/watch-frame.ts';
import type { Call } from '../backend.ts';
import type { Accepted } from '../http/media-type.ts';
import { ValueFrame } from '../http/shared-values.ts';
import { loadEncoder } from '../render.ts';
import { loadTransform } from '../render-as.ts';
import { viewOf } from '../views.ts';
import { bookmarkObject, type FrameEncoder } from './watch-frame.ts';

/** Watches in another form than plain JSON: tables, metadata only, YAML, protobuf. Encoded for each watcher. */
export async function transformedFrames(call: Call): Promise<FrameEncoder> {
  const { accepted, resource } = call;
  const encode = await loadEncoder({ ...accepted, as: undefined, pretty: false });
  const transform = await loadTransform(call);
  const frame = framingOf(call);
  const plain = (type: string, object: object) => frame(type, object, encode);
  const shown = (type: string, object: KubeObject) => plain(type, transform(object));
  return {
    event: (event) => shown(event.type, viewOf(event.entry, resource).object),
    entry: (type, entry) => shown(type, viewOf(entry, resource).object),
    bookmark: (revision, initialEnd) => {
      const object = bookmarkObject(resource, revision, initialEnd);
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

function framingOf({ accepted, request }: Call): Framing {
  if (accepted.format === 'json' && request.takesValues) return (type, object) => new ValueFrame({ type, object });
  if (accepted.format === 'json') return (type, object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);
  if (accepted.format === 'yaml')
    return (type, object, encode) => Buffer.concat([Buffer.from('---\n'), encode({ type, object })]);
  return (type, object, encode) => encodeWatchFrame(type, encode(object));
}
