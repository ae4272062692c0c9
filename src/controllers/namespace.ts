import type { Namespace, NamespaceCondition, Pod } from '../api/generated/core-v1.ts';
import type { KubeObject } from '../api/object.ts';
import { apiVersionOf, namespaces, pods, type Resource, type ResourceInfo } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { pathOf } from '../client/rest.ts';
import { timestamp } from './deployment/status.ts';
import { discoverResources } from './discover-resources.ts';

/** Empties a namespace that is being deleted, then lets it go (kubernetes pkg/controller/namespace). */
export function namespaceController({ client, informers, clock }: ControllerContext): Controller {
  const all = informers.informer(namespaces);
  const allPods = informers.informer(pods);
  return {
    name: 'namespace',
    for: namespaces,
    // A Pod that is gone may have been the last that its namespace waits for.
    watches: [
      {
        resource: pods,
        keys: ({ metadata: { namespace, name } }: Pod) =>
          all.get(namespace!)?.metadata.deletionTimestamp && !allPods.get(`${namespace}/${name}`) ? [namespace!] : [],
      },
    ],
    minIntervalMs: 50,
    workers: 10,
    reconcile: async (name) => {
      const namespace = all.get(name);
      if (!namespace?.metadata.deletionTimestamp) return;
      if (!namespace.spec.finalizers?.includes('kubernetes')) return;
      const outcome = await empty(name);
      const conditions = conditionsOf(outcome, namespace.status?.conditions ?? [], clock.now());
      const done = outcome.failures.length === 0 && outcome.remaining.length === 0 && !outcome.discoveryError;
      if (done) return finalize(namespace);
      if (JSON.stringify(conditions) !== JSON.stringify(namespace.status?.conditions))
        await client.update(
          namespaces,
          { ...namespace, status: { ...namespace.status, conditions } },
          { subresource: 'status' },
        );
      // Most of what remains ends by itself: look again when it should have.
      return { requeueAfterMs: Math.min(5000, Math.max(100, outcome.longestGraceMs / 2 || 500)) };
    },
  };

  async function empty(namespace: string): Promise<Outcome> {
    const outcome: Outcome = {
      remaining: [],
      finalizers: new Map(),
      failures: [],
      discoveryError: undefined,
      longestGraceMs: 0,
    };
    const { resources, error } = await discoverResources(client);
    outcome.discoveryError = error;
    const deletable = resources.filter(
      (info) => info.namespaced && info.verbs.includes('delete') && info.verbs.includes('list'),
    );
    // Pods first, and nothing that they may use before they are gone (KEP-5080, ordered namespace deletion).
    const rest = deletable.filter((info) => !isPods(info));
    for (const info of deletable.filter(isPods)) await emptyOne(namespace, info, outcome);
    if (outcome.remaining.length > 0 || outcome.failures.length > 0) return outcome;
    for (let i = 0; i < rest.length; i += 8)
      await Promise.all(rest.slice(i, i + 8).map((info) => emptyOne(namespace, info, outcome)));
    return outcome;
  }

  async function emptyOne(namespace: string, info: ResourceInfo, outcome: Outcome): Promise<void> {
    const resource: Resource<KubeObject> = info;
    try {
      const before = await client.list(resource, { namespace });
      if (before.items.length === 0) return;
      if (info.verbs.includes('deletecollection'))
        await client.deleteCollection(resource, { namespace, propagationPolicy: 'Background' });
      else for (const item of before.items) await client.delete(resource, item.metadata.name, namespace);
      const left = (await client.list(resource, { namespace })).items;
      if (left.length === 0) return;
      outcome.remaining.push({ resource: info, count: left.length });
      for (const object of left) {
        for (const finalizer of object.metadata.finalizers ?? [])
          outcome.finalizers.set(finalizer, (outcome.finalizers.get(finalizer) ?? 0) + 1);
        if (isPods(info))
          outcome.longestGraceMs = Math.max(
            outcome.longestGraceMs,
            (object.metadata.deletionGracePeriodSeconds ?? 0) * 1000,
          );
      }
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'MethodNotAllowed'))
        outcome.failures.push(`${apiVersionOf(info)}, Resource=${info.resource}: ${(error as Error).message}`);
    }
  }

  async function finalize(namespace: Namespace): Promise<void> {
    const finalizers = namespace.spec.finalizers?.filter((finalizer) => finalizer !== 'kubernetes');
    const response = await client.request({
      method: 'PUT',
      path: pathOf(namespaces, undefined, namespace.metadata.name, 'finalize'),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...namespace,
        apiVersion: 'v1',
        kind: 'Namespace',
        spec: { ...namespace.spec, finalizers },
      }),
    });
    const text = await response.text();
    if (response.status >= 400 && response.status !== 404 && response.status !== 409)
      throw new Error(`finalize namespace ${namespace.metadata.name}: ${text}`);
  }
}

const isPods = ({ group, resource }: ResourceInfo) => group === pods.group && resource === pods.resource;

interface Outcome {
  remaining: { resource: ResourceInfo; count: number }[];
  finalizers: Map<string, number>;
  failures: string[];
  discoveryError: string | undefined;
  /** Milliseconds that the slowest Pod may take. */
  longestGraceMs: number;
}

/** The five conditions that tell what a deletion waits for (status_condition_utils.go). */
function conditionsOf(outcome: Outcome, current: NamespaceCondition[], nowMs: number): NamespaceCondition[] {
  const { remaining, finalizers, failures, discoveryError } = outcome;
  const resources = remaining.map(
    ({ resource, count }) => `${resource.resource}.${resource.group} has ${count} resource instances`,
  );
  const tokens = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  const wanted: [string, boolean, string, string, string, string][] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      !!discoveryError,
      'DiscoveryFailed',
      discoveryError ?? '',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'GroupVersionParsingFailed',
      '',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      failures.length > 0,
      'ContentDeletionFailed',
      `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    [
      'NamespaceContentRemaining',
      remaining.length > 0,
      'SomeResourcesRemain',
      `Some resources are remaining: ${resources.join(', ')}`,
      'ContentRemoved',
      'All content successfully removed',
    ],
    [
      'NamespaceFinalizersRemaining',
      tokens.length > 0,
      'SomeFinalizersRemain',
      `Some content in the namespace has finalizers remaining: ${tokens.join(', ')}`,
      'ContentHasNoFinalizers',
      'All content-preserving finalizers finished',
    ],
  ];
  return wanted.map(([type, bad, badReason, badMessage, goodReason, goodMessage]) => {
    const status = bad ? 'True' : 'False';
    const [reason, message] = bad ? [badReason, badMessage] : [goodReason, goodMessage];
    const old = current.find((condition) => condition.type === type);
    if (old?.status === status && old.reason === reason && old.message === message) return old;
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : timestamp(nowMs);
    return { type, status, lastTransitionTime, reason, message };
  });
}
