import { claimFinalizer, claimNameOf, mostReservations } from '../../api/device-claims.ts';
import type { Pod, PodResourceClaim } from '../../api/generated/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/resource-v1.ts';
import { keyOf } from '../../api/object.ts';
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Controller, ControllerContext } from '../../client/controller.ts';
import { ownerReference } from '../pod-control.ts';
import { type ClaimPlan, generatedName, isDone, isOwnedBy, planClaim, podClaimAnnotation } from './plan-claim.ts';

/** Marks the keys of Pods; all others are those of claims. */
const podMark = 'pod:';

/**
 * Makes the claims of Pods from their templates, and lets go what nobody uses any more (kubernetes
 * pkg/controller/resourceclaim).
 */
export function resourceClaimController({ client, informers, events }: ControllerContext): Controller {
  const allPods = informers.informer(pods);
  const all = informers.informer(resourceClaims);
  const allTemplates = informers.informer(resourceClaimTemplates);
  return {
    name: 'resource-claim',
    for: resourceClaims,
    watches: [
      { resource: pods, keys: podKeys },
      // Who waits for a template learns of it.
      { resource: resourceClaimTemplates, keys: ({ metadata }) => waitingFor(metadata.namespace ?? '', metadata.name) },
      { resource: resourceClaims, keys: ({ metadata }) => usersOf(metadata.namespace ?? '', metadata.name) },
    ],
    reconcile: (key) => (key.startsWith(podMark) ? reconcilePod(key.slice(podMark.length)) : reconcileClaim(key)),
  };

  function podKeys(pod: Pod): string[] {
    const wanted = pod.spec.resourceClaims ?? [];
    if (wanted.length === 0) return [];
    const names = wanted.map((one) => claimNameOf(pod, one)).filter((name) => typeof name === 'string');
    const freed = isDone(pod) || !allPods.get(keyOf(pod));
    return [`${podMark}${keyOf(pod)}`, ...(freed ? names.map((name) => `${pod.metadata.namespace}/${name}`) : [])];
  }

  function podsOf(namespace: string, uses: (pod: Pod, claim: PodResourceClaim) => boolean): string[] {
    return allPods
      .list(namespace)
      .filter((pod) => pod.spec.resourceClaims?.some((claim) => uses(pod, claim)))
      .map((pod) => `${podMark}${keyOf(pod)}`);
  }

  function waitingFor(namespace: string, template: string): string[] {
    return podsOf(
      namespace,
      (pod, one) => one.resourceClaimTemplateName === template && claimNameOf(pod, one) === undefined,
    );
  }

  function usersOf(namespace: string, name: string): string[] {
    return podsOf(namespace, (pod, one) => claimNameOf(pod, one) === name);
  }

  async function reconcilePod(key: string): Promise<void> {
    const pod = allPods.get(key);
    if (!pod || pod.metadata.deletionTimestamp || isDone(pod)) return;
    const made = new Map<string, string>();
    for (const claim of pod.spec.resourceClaims ?? []) {
      try {
        const name = await ensureClaim(pod, claim);
        if (name) made.set(claim.name, name);
      } catch (error) {
        const text = `PodResourceClaim ${claim.name}: ${(error as Error).message}`;
        events.event(pod, 'Warning', 'FailedResourceClaimCreation', text);
        throw error;
      }
    }
    if (made.size > 0) return tellPod(pod, made);
    if (pod.spec.nodeName) for (const claim of pod.spec.resourceClaims ?? []) await reserve(pod, claim);
  }

  /** The name of a claim that was made now, or was made before and not told of. */
  async function ensureClaim(pod: Pod, claim: PodResourceClaim): Promise<string | undefined> {
    const { namespace = '', name: podName } = pod.metadata;
    const known = claimNameOf(pod, claim);
    if (known === null || !claim.resourceClaimTemplateName) return undefined;
    const existing = known && all.get(`${namespace}/${known}`);
    if (existing && isOwnedBy(existing, pod)) return undefined;
    const orphan = all
      .list(namespace)
      .find((one) => isOwnedBy(one, pod) && one.metadata.annotations?.[podClaimAnnotation] === claim.name);
    if (orphan) return orphan.metadata.name;
    const template = allTemplates.get(`${namespace}/${claim.resourceClaimTemplateName}`);
    if (!template)
      throw new Error(
        `resource claim template ${JSON.stringify(claim.resourceClaimTemplateName)}: resourceclaimtemplate.resource.k8s.io ${JSON.stringify(claim.resourceClaimTemplateName)} not found`,
      );
    const { metadata, spec } = template.spec;
    const created = await client.create(resourceClaims, {
      metadata: {
        generateName: generatedName(podName, claim.name),
        namespace,
        ...(metadata?.labels ? { labels: metadata.labels } : {}),
        annotations: { ...metadata?.annotations, [podClaimAnnotation]: claim.name },
        ownerReferences: [ownerReference(pod)],
      },
      spec,
    } as never);
    return created.metadata.name;
  }

  async function tellPod(pod: Pod, made: ReadonlyMap<string, string>): Promise<void> {
    const others = (pod.status?.resourceClaimStatuses ?? []).filter(({ name }) => !made.has(name));
    const own = [...made].map(([name, resourceClaimName]) => ({ name, resourceClaimName }));
    const { name, namespace, uid } = pod.metadata;
    const body = { metadata: { uid }, status: { resourceClaimStatuses: [...others, ...own] } };
    await client.patch(pods, name, namespace, { type: 'merge', body }, { subresource: 'status' });
  }

  /** Who was put on a node without the scheduler has what is allocated already. */
  async function reserve(pod: Pod, claim: PodResourceClaim): Promise<void> {
    const name = claimNameOf(pod, claim);
    const found = name ? all.get(`${pod.metadata.namespace}/${name}`) : undefined;
    const { allocation, reservedFor = [] } = found?.status ?? {};
    if (!found || !allocation || reservedFor.some(({ uid }) => uid === pod.metadata.uid)) return;
    if (reservedFor.length >= mostReservations) return;
    const consumer = { resource: 'pods', name: pod.metadata.name, uid: pod.metadata.uid! };
    await updateStatus(found, { ...found.status, reservedFor: [...reservedFor, consumer] });
  }

  async function reconcileClaim(key: string): Promise<void> {
    const claim = all.get(key);
    if (!claim) return;
    const { namespace = '' } = claim.metadata;
    const present = new Set<string>();
    for (const { resource, apiGroup, name, uid } of claim.status?.reservedFor ?? []) {
      if (apiGroup || resource !== 'pods') present.add(uid);
      else if (await mayUse(`${namespace}/${name}`, uid)) present.add(uid);
    }
    const owner = claim.metadata.ownerReferences?.find((one) => one.controller && one.kind === 'Pod');
    const pod = owner && allPods.get(`${namespace}/${owner.name}`);
    const own = pod?.metadata.uid === owner?.uid ? pod : undefined;
    const plan = planClaim(claim, own, ({ uid }) => present.has(uid));
    if (plan) await carryOut(claim, plan);
  }

  /** A Pod that the cache does not know may be newer than it: ask the API before its reservation is taken. */
  async function mayUse(key: string, uid: string): Promise<boolean> {
    const known = allPods.get(key);
    if (known) return known.metadata.uid === uid && !isDone(known);
    const [namespace, name] = key.split('/') as [string, string];
    try {
      return (await client.get(pods, name, namespace)).metadata.uid === uid;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return false;
      throw error;
    }
  }

  async function carryOut(claim: ResourceClaim, plan: ClaimPlan): Promise<void> {
    const { name, namespace, uid } = claim.metadata;
    if (plan.action === 'delete') {
      await client.delete(resourceClaims, name, namespace, { preconditions: { uid } });
      return;
    }
    const { allocation, devices, ...rest } = claim.status ?? {};
    const keepsAllocation = plan.action === 'release' && !plan.deallocate;
    const reservedFor = plan.action === 'release' ? plan.reservedFor : [];
    const status = keepsAllocation ? { ...rest, allocation, devices, reservedFor } : { ...rest, reservedFor };
    const written = plan.action === 'deallocate' && !allocation ? claim : await updateStatus(claim, status);
    if (keepsAllocation) return;
    const finalizers = written.metadata.finalizers?.filter((one) => one !== claimFinalizer);
    await client.update(resourceClaims, {
      ...written,
      metadata: { ...written.metadata, finalizers: finalizers ?? [] },
    });
  }

  function updateStatus(claim: ResourceClaim, status: ResourceClaim['status']): Promise<ResourceClaim> {
    return client.update(resourceClaims, { ...claim, status } as ResourceClaim, { subresource: 'status' });
  }
}
