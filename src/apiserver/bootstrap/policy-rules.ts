import type { PolicyRule } from '../../api/generated/rbac-v1.ts';

/** Words for the verbs that default roles use most (rbac/bootstrappolicy/policy.go Read, Write, ReadWrite). */
export const read = 'get list watch';
export const write = 'create delete deletecollection patch update';
export const readWrite = `${read} ${write}`;

const words = (text: string) => text.split(' ').sort();

/** A rule in short: lists are words in one string, the group without a name is 'core'. Lists end up sorted, as in Kubernetes. */
export function allow(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups)
      .map((group) => (group === 'core' ? '' : group))
      .sort(),
    resources: words(resources),
    ...(names ? { resourceNames: words(names) } : {}),
  };
}

/** A rule about paths that are no resources. */
export function urls(verbs: string, paths: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(paths) };
}

export const recordEvents = allow('create patch update', 'core events.k8s.io', 'events');
