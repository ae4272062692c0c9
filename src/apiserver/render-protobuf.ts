import type { KubeObject } from '../api/object.ts';
import { encodeProtobuf } from '../api/protobuf/envelope.ts';
import { typeByKind } from '../api/protobuf/type-by-kind.ts';
import { internalError } from '../api/status-error.ts';

/** Any object of a known kind as protobuf; loaded only for clients that ask for it. */
export function encodeObjectAsProtobuf(object: object): Uint8Array {
  const { apiVersion, kind } = object as KubeObject;
  const type = typeByKind(apiVersion, kind);
  if (!type) throw internalError(`${apiVersion} ${kind} has no protobuf form`);
  return encodeProtobuf(type, apiVersion, kind, object);
}
