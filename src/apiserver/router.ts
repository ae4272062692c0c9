import type { KubeObject } from '../api/object.ts';
import type { ResourceInfo } from '../api/resource.ts';
import { methodNotSupported } from '../api/status-error.ts';
import { actionKey, perform } from './actions.ts';
import type { Backend, Call } from './backend.ts';
import { isComponentStatus, readComponentStatuses } from './component-statuses.ts';
import type { ServerHandler, ServerRequest, ServerResponse } from './http/exchange.ts';
import { negotiate, prettified } from './http/media-type.ts';
import { pathNotFound, resourceNotFound } from './http/response.ts';
import type { AdmissionAttributes } from './request.ts';
import { findSubresource } from './subresources/all.ts';
import { createBinding } from './subresources/binding.ts';
import { create } from './verbs/create.ts';
import { remove } from './verbs/delete.ts';
import { deleteCollection } from './verbs/deletecollection.ts';
import { get } from './verbs/get.ts';
import { list } from './verbs/list.ts';
import { patch } from './verbs/patch.ts';
import { update } from './verbs/update.ts';
import { watch } from './verbs/watch.ts';

export type VerbHandler = (call: Call) => Promise<ServerResponse>;

const verbs: Record<string, VerbHandler> = {
  get,
  list,
  watch,
  create,
  update: (call) => update(call),
  patch: (call) => patch(call),
  delete: remove,
  deletecollection: deleteCollection,
};

const writes = new Set(['create', 'update', 'patch', 'delete']);

/** Answers a request that is not about a resource, or undefined if the path is not its own. */
export type PathHandler = (request: ServerRequest) => Promise<ServerResponse | undefined>;

/** Finds who answers: a resource's verb or subresource, or one of the other paths. */
export function router(backend: Backend, paths: readonly PathHandler[]): ServerHandler {
  return async (request) => {
    const { info } = request;
    if (info.isResourceRequest && info.resource) {
      const resource = backend.served(info);
      if (resource) {
        const negotiated = negotiate(request.headers.accept, { protobuf: resource.info.type !== '' });
        const accepted =
          info.verb === 'watch' ? negotiated : prettified(negotiated, request.query, request.headers['user-agent']);
        if (wantsNewest(request)) await backend.cache.fresh();
        return route({ backend, resource, request, accepted });
      }
    }
    for (const handle of paths) {
      const response = await handle(request);
      if (response) return response;
    }
    if (info.isResourceRequest) throw resourceNotFound();
    return pathNotFound();
  };
}

/** Whoever names a resourceVersion is content with that; all else, writes too, is to see what any server has written. */
const wantsNewest = ({ method, query }: ServerRequest) => method !== 'GET' || !query.get('resourceVersion');

/** Subresources that open a connection: what is admitted are the options in their query. */
const isConnection = (kind: string) => /(Exec|Attach|PortForward|Proxy)Options$/.test(kind);

async function admitConnection({ backend, resource, request }: Call, kind: string): Promise<void> {
  const { namespace, name, subresource } = request.info;
  const options: Record<string, unknown> = { kind, apiVersion: 'v1' };
  for (const key of new Set(request.query.keys())) {
    const values = request.query.getAll(key);
    options[key] =
      key === 'command' || key === 'ports'
        ? values
        : /^(true|1|false|0)$/.test(values[0]!)
          ? /^(true|1)$/.test(values[0]!)
          : values[0];
  }
  const attributes: AdmissionAttributes = {
    operation: 'CONNECT',
    resource: resource.info,
    subresource,
    namespace,
    name,
    object: options as unknown as KubeObject,
    oldObject: undefined,
    options: undefined,
    dryRun: false,
    user: request.user,
    cancellation: request.cancellation,
    warn: (message) => void request.warnings.add(message),
    annotate: (key, value) => void request.auditAnnotations.set(key, value),
  };
  await backend.admission.mutate(attributes);
  await backend.admission.validate(attributes);
}

/** POST …/bindings is an old way to write …/pods/NAME/binding. */
const isBinding = ({ group, resource }: ResourceInfo) => group === '' && resource === 'bindings';

function route(call: Call): Promise<ServerResponse> {
  const { info } = call.request;
  const { info: served, deprecation } = call.resource;
  if (deprecation) call.request.warnings.add(deprecation);
  if (isComponentStatus(served) && served.verbs.includes(info.verb))
    return readComponentStatuses(call, call.backend.components);
  const action = call.backend.actions[actionKey(info)];
  if (action && info.verb === 'create') return perform(call, action);
  if (writes.has(info.verb)) call.backend.writer.expect();
  if (info.subresource) {
    const subresource = findSubresource(call);
    if (!subresource) throw resourceNotFound();
    const carried = served.subresources[info.subresource]?.kind ?? '';
    return isConnection(carried) ? admitConnection(call, carried).then(() => subresource(call)) : subresource(call);
  }
  const handle = isBinding(served) ? createBinding : verbs[info.verb];
  if (!handle || !served.verbs.includes(info.verb)) throw methodNotSupported(served, info.verb);
  if (served.namespaced && !info.namespace && info.verb !== 'list' && info.verb !== 'watch') throw resourceNotFound();
  return handle(call);
}
