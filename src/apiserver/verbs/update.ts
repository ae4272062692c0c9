import type { KubeObject } from '../../api/object.ts';
import { badRequest, notFound } from '../../api/status-error.ts';
import { type Call, cacheOf } from '../backend.ts';
import { renderEntry } from '../render.ts';
import type { ApiResponse } from '../request.ts';
import { decodeRequest } from './create.ts';
import { createObject } from './create-object.ts';
import { keyOfCall } from './get.ts';
import { updateObject } from './update-object.ts';
import { mainRules, type UpdateRules } from './update-rules.ts';
import { writeOf } from './write.ts';

/** PUT of one object. */
export async function update(call: Call, rules: UpdateRules = mainRules(call.resource.strategy)): Promise<ApiResponse> {
  const write = writeOf(call, 'UpdateOptions');
  const object = await decodeRequest(call);
  checkName(call, object);
  if (!cacheOf(call).get(keyOfCall(call))) {
    if (rules.subresource || !call.resource.strategy.createOnUpdate) {
      throw notFound(call.resource.info, call.request.info.name);
    }
    delete (object.metadata as { resourceVersion?: string }).resourceVersion;
    return renderEntry(call, await createObject(call, object, write), 201);
  }
  // An attempt changes the object, and with a fixed resourceVersion a second one can only fail: that one decodes again.
  const text = JSON.stringify(object);
  let fresh: KubeObject | undefined = object;
  const entry = await updateObject(
    call,
    rules,
    () => {
      const next = fresh ?? (JSON.parse(text) as KubeObject);
      fresh = undefined;
      return next;
    },
    write,
  );
  return renderEntry(call, entry);
}

/** apiserver pkg/endpoints/handlers/rest.go checkName. */
export function checkName(call: Call, object: KubeObject): void {
  const { name, namespace } = call.request.info;
  const own = object.metadata.name;
  if (!own) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (own !== name) throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
  if (!call.resource.info.namespaced || !namespace) return;
  if (object.metadata.namespace && object.metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${object.metadata.namespace}) does not match the namespace on the request (${namespace})`,
    );
  }
  object.metadata.namespace = namespace;
}
