import type { ComponentStatus } from '../api/generated/core-v1.ts';
import { notFound } from '../api/status-error.ts';
import type { Call } from './backend.ts';
import { renderEntry, renderList } from './render.ts';
import type { ApiResponse } from './request.ts';
import { selectionOf } from './selection.ts';
import { CacheEntry, encodeStored } from './storage/cache-entry.ts';
import { viewOf } from './views.ts';

/** Resolves when the component is well, else rejects; by the component's name. */
export type ComponentChecks = ReadonlyMap<string, () => Promise<void>>;

export const isComponentStatus = ({ group, resource }: { group: string; resource: string }) =>
  group === '' && resource === 'componentstatuses';

/** Objects that nobody stores: how the control plane's parts are, asked anew (pkg/registry/core/componentstatus). */
export async function readComponentStatuses(call: Call, checks: ComponentChecks): Promise<ApiResponse> {
  const { name, verb } = call.request.info;
  call.request.warnings.add('v1 ComponentStatus is deprecated in v1.19+');
  if (verb === 'get') {
    const check = checks.get(name);
    if (!check) throw notFound(call.resource.info, name);
    return renderEntry(call, await entryOfComponent(name, check));
  }
  const selection = selectionOf(call.resource, call.request.query);
  const all = await Promise.all([...checks].map(([one, check]) => entryOfComponent(one, check)));
  const entries = selection ? all.filter((entry) => selection(viewOf(entry, call.resource))) : all;
  return renderList(call, entries, {} as never);
}

async function entryOfComponent(name: string, check: () => Promise<void>): Promise<CacheEntry> {
  const failure = await check().then(
    () => undefined,
    (error: Error) => error,
  );
  const status = failure ? 'False' : 'True';
  const condition = { type: 'Healthy', status, message: failure ? failure.message : 'ok' };
  const object: ComponentStatus = {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name } as never,
    conditions: [condition],
  };
  return new CacheEntry(name, 0, encodeStored(object), object);
}
