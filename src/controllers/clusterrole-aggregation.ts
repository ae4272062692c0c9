import type { ClusterRole, PolicyRule } from '../api/generated/rbac-v1.ts';
import { clusterRoles } from '../api/resource.ts';
import { compileSelector } from '../api/selectors.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { canonical } from './template-hash.ts';

/** Fills ClusterRoles that are made of others (kubernetes pkg/controller/clusterroleaggregation). */
export function clusterRoleAggregationController({ client, informers }: ControllerContext): Controller {
  const all = informers.informer(clusterRoles);
  const aggregated = () => all.list().filter((role) => role.aggregationRule);
  return {
    name: 'clusterrole-aggregation',
    for: clusterRoles,
    watches: [{ resource: clusterRoles, keys: () => aggregated().map(({ metadata }) => metadata.name) }],
    minIntervalMs: 50,
    reconcile: async (name) => {
      const role = all.get(name);
      if (!role?.aggregationRule) return;
      const rules = aggregate(role, all.list());
      if (canonical(rules) === canonical(role.rules ?? [])) return;
      const body = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
      await client.patch(
        clusterRoles,
        name,
        undefined,
        { type: 'apply', body, force: true },
        { fieldManager: 'clusterrole-aggregation-controller' },
      );
    },
  };
}

/** The rules of all selected roles, by name, each once. */
export function aggregate(role: ClusterRole, roles: ClusterRole[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  const sorted = [...roles].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selects = compileSelector(selector);
    for (const one of sorted) {
      if (one.metadata.name === role.metadata.name || !selects(one.metadata.labels)) continue;
      for (const rule of one.rules ?? []) if (!rules.has(canonical(rule))) rules.set(canonical(rule), rule);
    }
  }
  return [...rules.values()];
}
