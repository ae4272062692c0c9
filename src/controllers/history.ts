import type { ControllerRevision } from '../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../api/generated/core-v1.ts';
import type { KubeObject, LabelSelector } from '../api/object.ts';
import { builtin } from '../api/resource.ts';
import { hasReason } from '../api/status-error.ts';
import type { ControllerContext } from '../client/controller.ts';
import { claim } from './claim.ts';
import { ownerReference } from './pod-control.ts';
import { byControllerUid } from './replicaset.ts';
import { canonical, safeHash } from './template-hash.ts';

export const controllerRevisions = builtin<ControllerRevision>('apps', 'v1', 'controllerrevisions');

/** The templates that a DaemonSet or StatefulSet has had, as ControllerRevisions (kubernetes pkg/controller/history). */
export interface History {
  /** Those of the owner, oldest first. */
  of(owner: Owner): Promise<ControllerRevision[]>;
  /**
   * The revision of the owner's template, made or brought to the front if need be; undefined when its name belongs to
   * something else, so that the collision count must grow.
   */
  ensure(owner: Owner, known: ControllerRevision[], hashLabel: string): Promise<ControllerRevision | undefined>;
  /** Deletes the oldest ones beyond `limit` that are not `live`. */
  trim(known: ControllerRevision[], live: ReadonlySet<string>, limit: number): Promise<void>;
}

export interface Owner extends KubeObject {
  spec: { template: PodTemplateSpec; selector: LabelSelector };
  status?: { collisionCount?: number };
}

export function createHistory({ client, informers }: ControllerContext): History {
  const all = informers.informer(controllerRevisions, { indexes: byControllerUid });
  return {
    of: async (owner) => {
      const candidates = [
        ...all.byIndex('controllerUid', owner.metadata.uid),
        ...all.byIndex('controllerUid', `orphan/${owner.metadata.namespace}`),
      ];
      const { selector } = owner.spec;
      const mine = await claim({ client, resource: controllerRevisions, owner, selector, candidates });
      return mine.sort((a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1));
    },

    ensure: async (owner, known, hashLabel) => {
      const text = canonical(revisionData(owner.spec.template));
      const newest = known.at(-1);
      const equal = known.findLast((one) => canonical(one.data) === text);
      const next = (newest?.revision ?? 0) + 1;
      if (equal && equal === newest) return equal;
      // A rollback: the old revision becomes the newest.
      if (equal) return client.update(controllerRevisions, { ...equal, revision: next });
      const hash = safeHash(`${text}${owner.status?.collisionCount || ''}`);
      const name = `${owner.metadata.name}-${hash}`;
      const { namespace } = owner.metadata;
      try {
        return await client.create(controllerRevisions, {
          metadata: {
            name,
            namespace,
            labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
            annotations: owner.metadata.annotations,
            ownerReferences: [ownerReference(owner)],
          },
          // Its fields in Go's order: clients compare the bytes with what they make of the owner (history.EqualRevision).
          data: JSON.parse(text),
          revision: next,
        });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
        const existing = await client.get(controllerRevisions, name, namespace);
        return canonical(existing.data) === text ? existing : undefined;
      }
    },

    trim: async (known, live, limit) => {
      const idle = known.filter((one) => !live.has(one.metadata.name));
      for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
        try {
          await client.delete(controllerRevisions, metadata.name, metadata.namespace);
        } catch (error) {
          if (!hasReason(error, 'NotFound')) throw error;
        }
      }
    },
  };
}

/** A strategic merge patch that puts the template back: what `kubectl rollout undo` sends. */
function revisionData(template: PodTemplateSpec) {
  return { spec: { template: { ...template, $patch: 'replace' } } };
}

/** The template that a revision holds. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _patch, ...template } = (revision.data as ReturnType<typeof revisionData>).spec.template;
  return template;
}
