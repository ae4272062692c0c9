import type { Duplicates } from '../../api/decode.ts';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf } from '../../api/resource.ts';
import type { Call } from '../backend.ts';
import { checkKind, fieldValidationOf, readBodyValue } from '../body.ts';
import { renderEntry } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { createObject } from './create-object.ts';
import { writeOf } from './write.ts';

/** POST to a collection. */
export async function create(call: Call): Promise<ApiResponse> {
  const write = writeOf(call, 'CreateOptions');
  const object = await decodeRequest(call);
  return renderEntry(call, await createObject(call, object, write), 201);
}

/** The object in the body of a request, with defaults. */
export async function decodeRequest(call: Call): Promise<KubeObject> {
  const { value, duplicates } = await readBodyValue(call.request);
  return decodeValue(call, value, duplicates);
}

/** An object of this resource from plain values, with defaults; unknown fields are warned of or refused. */
export function decodeValue(call: Call, value: unknown, duplicates?: Duplicates): KubeObject {
  const { strategy, info } = call.resource;
  const body = checkKind(value, { apiVersion: apiVersionOf(info), kind: info.kind });
  const { object, warnings } = strategy.decode(body, fieldValidationOf(call.request), duplicates);
  for (const warning of warnings) call.request.warnings.add(warning);
  object.metadata ??= {} as KubeObject['metadata'];
  strategy.defaults(object);
  return object;
}
