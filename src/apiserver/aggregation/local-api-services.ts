import type { APIService } from '../../api/generated/apiregistration-v1.ts';
import type { Draft } from '../../api/object.ts';
import type { ResourceInfo } from '../../api/resource.ts';
import { groupOrder } from '../discovery/names.ts';
import { compareVersions } from '../discovery/served-groups.ts';

/** Marks an APIService that the server keeps by itself: made when it starts, or as long as there is such a resource. */
export const automanaged = 'kube-aggregator.kubernetes.io/automanaged';

/** Of custom resources (pkg/controlplane/controller/crdregistration). */
const customPriorities = { groupPriorityMinimum: 1000, versionPriority: 100 };

/** The APIServices of what this server serves itself (kube-aggregator pkg/controllers/autoregister). */
export function localApiServices(served: readonly ResourceInfo[]): Draft<APIService>[] {
  const versions = new Map<string, { group: string; version: string }>();
  for (const { group, version } of served) {
    // The aggregator's own group is the one that it does not delegate.
    if (group !== 'apiregistration.k8s.io') versions.set(`${version}.${group}`, { group, version });
  }
  const all = [...versions.values()];
  return all.map(({ group, version }) => {
    const others = all.filter((one) => one.group === group).map((one) => one.version);
    const builtin = group === '' || groupOrder.includes(group);
    const priorities = builtin ? builtinPriorities(group, version, others) : customPriorities;
    const metadata = { name: `${version}.${group}`, labels: { [automanaged]: builtin ? 'onstart' : 'true' } };
    return { metadata, spec: { ...(group && { group }), version, ...priorities } };
  });
}

/** In the order in which clients prefer them (pkg/controlplane/apiserver apiVersionPriorities). */
function builtinPriorities(group: string, version: string, versions: string[]) {
  const rank = groupOrder.indexOf(group);
  const newest = versions.toSorted(compareVersions).indexOf(version) === 0;
  return {
    groupPriorityMinimum: group === '' ? 18_000 : 17_900 - 100 * rank,
    versionPriority: group === '' ? 1 : newest && versions.length > 1 ? 30 : 15,
  };
}
