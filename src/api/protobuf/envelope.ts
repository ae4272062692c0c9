import { decodeMessage } from './decode-message.ts';
import { encodeMessage } from './encode-message.ts';
import { messagePlan } from './message-plan.ts';
import { typeByKind } from './type-by-kind.ts';
import { lengthDelimited, Reader, Writer } from './wire.ts';

/** Media type of the format (apimachinery pkg/runtime/serializer/protobuf). */
export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

/** What every encoded object begins with: 'k8s' and a zero. */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

export interface DecodedObject {
  apiVersion: string;
  kind: string;
  /** With apiVersion and kind, as JSON clients send it. */
  object: Record<string, unknown>;
}

/**
 * An object as Kubernetes protobuf: the magic and a runtime.Unknown {typeMeta = 1, raw = 2, contentEncoding = 3,
 * contentType = 4}. Throws when the type has no protobuf form.
 *
 * @param type of the facts table, such as 'core/v1.Pod' or 'core/v1.PodList'
 */
export function encodeProtobuf(type: string, apiVersion: string, kind: string, object: object): Uint8Array {
  const writer = new Writer();
  // Go writes the two empty strings at the end: contentType, contentEncoding.
  for (const number of [4, 3]) writer.closeNested(number, writer.length);
  let before = writer.length;
  encodeMessage(writer, messagePlan(type), object as Record<string, unknown>);
  writer.closeNested(2, before);
  before = writer.length;
  writeString(writer, 2, kind);
  writeString(writer, 1, apiVersion);
  writer.closeNested(1, before);
  writer.bytes(magic);
  return writer.finish();
}

/** Whether these bytes are Kubernetes protobuf. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && magic.compare(bytes, 0, 4) === 0;
}

/**
 * Reads an object. Throws on what is no Kubernetes protobuf, and on kinds without facts: custom resources are JSON.
 *
 * @param expected apiVersion and kind of what does not say its own, as options sent by some clients
 */
export function decodeProtobuf(bytes: Uint8Array, expected?: { apiVersion: string; kind: string }): DecodedObject {
  if (!isProtobuf(bytes)) {
    throw new Error('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const unknown = decodeUnknown(bytes.subarray(4));
  const apiVersion = unknown.apiVersion || expected?.apiVersion || '';
  const kind = unknown.kind || expected?.kind || '';
  if (unknown.contentType && unknown.contentType !== protobufMediaType) {
    return { apiVersion, kind, object: JSON.parse(Buffer.from(unknown.raw).toString()) };
  }
  const type = typeByKind(apiVersion, kind);
  if (!type) throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  const object = decodeMessage(unknown.raw, messagePlan(type), { apiVersion, kind }, decodeEmbedded);
  return { apiVersion, kind, object };
}

const decodeEmbedded = (bytes: Uint8Array) => decodeProtobuf(bytes).object;

function writeString(writer: Writer, number: number, value: string): void {
  const before = writer.length;
  writer.string(value);
  writer.closeNested(number, before);
}

function decodeUnknown(bytes: Uint8Array) {
  const unknown = { apiVersion: '', kind: '', raw: new Uint8Array(), contentType: '' };
  const reader = new Reader(bytes);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (wireType !== lengthDelimited) reader.skip(wireType);
    else if (number === 1) decodeTypeMeta(reader.bytes(), unknown);
    else if (number === 2) unknown.raw = reader.bytes() as Uint8Array<ArrayBuffer>;
    else if (number === 4) unknown.contentType = reader.string();
    else reader.skip(wireType);
  }
  return unknown;
}

function decodeTypeMeta(bytes: Uint8Array, unknown: { apiVersion: string; kind: string }): void {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    if (number === 1) unknown.apiVersion = reader.string();
    else if (number === 2) unknown.kind = reader.string();
    else reader.skip(wireType);
  }
}
