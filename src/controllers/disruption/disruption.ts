import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import { controllerOf, keyOf } from '../../api/object.ts';
import { builtinResources, podDisruptionBudgets, pods, type ResourceInfo, replicaSets } from '../../api/resource.ts';
import { compileSelector } from '../../api/selectors.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { pathOf } from '../../client/rest.ts';
import { discoverResources } from '../discover-resources.ts';
import { sameStatus } from '../same-status.ts';
import { budgetStatus, needsScale, withCondition } from './plan-budget.ts';

/** Says in each PodDisruptionBudget how many of its Pods may be evicted now (kubernetes pkg/controller/disruption). */
export function disruptionController({ client, informers, events, clock }: ControllerContext): Controller {
  const all = informers.informer(podDisruptionBudgets);
  const allPods = informers.informer(pods);
  const sets = informers.informer(replicaSets);

  return {
    name: 'disruption',
    for: podDisruptionBudgets,
    watches: [{ resource: pods, keys: budgetsOf }],
    minIntervalMs: 50,
    reconcile: async (key) => {
      const budget = all.get(key);
      if (!budget) return;
      const selects = compileSelector(budget.spec.selector);
      const selected = allPods.list(budget.metadata.namespace).filter((pod) => selects(pod.metadata.labels));
      if (selected.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found');
      try {
        const scale = needsScale(budget) ? await sumOfScales(budget, selected) : 0;
        const { status, recheckMs } = budgetStatus(budget, selected, scale, clock.now());
        await write(budget, status);
        return recheckMs === undefined ? undefined : { requeueAfterMs: recheckMs };
      } catch (error) {
        const message = (error as Error).message;
        events.event(
          budget,
          'Warning',
          'CalculateExpectedPodCountFailed',
          `Failed to calculate the number of expected pods: ${message}`,
        );
        // Nobody may go while it is not known how many there should be (failSafe).
        const status = { ...budget.status, disruptionsAllowed: 0 };
        await write(budget, withCondition(status, 'False', 'SyncFailed', message, clock.now()));
        throw error;
      }
    },
  };

  function budgetsOf(pod: Pod, previous?: Pod): string[] {
    return all
      .list(pod.metadata.namespace)
      .filter(({ spec }) => {
        const selects = compileSelector(spec.selector);
        return selects(pod.metadata.labels) || (previous && selects(previous.metadata.labels));
      })
      .map(keyOf);
  }

  async function write(budget: PodDisruptionBudget, status: PodDisruptionBudget['status']): Promise<void> {
    if (sameStatus(budget.status, status)) return;
    await client.update(podDisruptionBudgets, { ...budget, status }, { subresource: 'status' });
  }

  /** spec.replicas of every controller of the Pods; a ReplicaSet of a Deployment counts as that Deployment. */
  async function sumOfScales(budget: PodDisruptionBudget, selected: Pod[]): Promise<number> {
    const owners = new Map<string, NonNullable<ReturnType<typeof controllerOf>>>();
    for (const pod of selected) {
      const owner = controllerOf(pod);
      if (!owner) {
        events.event(
          budget,
          'Warning',
          'UnmanagedPods',
          'Pods selected by this PodDisruptionBudget (selector: ) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'.replace(
            'selector: ',
            `selector: ${JSON.stringify(budget.spec.selector ?? {})}`,
          ),
        );
        continue;
      }
      const set = owner.kind === 'ReplicaSet' ? sets.get(`${pod.metadata.namespace}/${owner.name}`) : undefined;
      const top = (set && controllerOf(set)) ?? owner;
      owners.set(top.uid, top);
    }
    let total = 0;
    for (const owner of owners.values()) total += await replicasOf(owner, budget.metadata.namespace);
    return total;
  }

  async function replicasOf(owner: { apiVersion: string; kind: string; name: string }, namespace: string | undefined) {
    const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
    const matches = (info: ResourceInfo) => info.group === group && info.kind === owner.kind;
    const resource = builtinResources.find(matches) ?? (await discoverResources(client)).resources.find(matches);
    if (!resource) throw new Error(`no resource serves ${owner.apiVersion} ${owner.kind}`);
    const response = await client.request({ method: 'GET', path: pathOf(resource, namespace, owner.name, 'scale') });
    if (response.status === 404)
      throw new Error(`${resource.resource}.${resource.group} does not implement the scale subresource`);
    if (response.status >= 400)
      throw new Error(`read scale of ${owner.kind} ${namespace}/${owner.name}: ${await response.text()}`);
    return ((await response.json()) as { spec?: { replicas?: number } }).spec?.replicas ?? 0;
  }
}
