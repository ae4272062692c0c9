import type { Node, OwnerGraph, OwnerLink } from './owner-graph.ts';

export interface CollectionPlan {
  /** Owners that the graph does not know and that the API must be asked about first. */
  confirm: OwnerLink[];
  /** Delete the object itself, with this policy. */
  deleteSelf: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** References to owners that are gone while others still hold the object. */
  dropOwners: string[];
  /** Before that: let it block none of its owners, for they wait for each other in a circle. */
  unblock: boolean;
  /** Dependents that have to go first (foreground): each is looked at, as it may have other owners. */
  deleteDependents: Node[];
  /** Dependents that go on without this owner. */
  orphan: Node[];
  /** A finalizer whose work is done. */
  removeFinalizer: string | undefined;
}

const foreground = 'foregroundDeletion';
const orphaning = 'orphan';

/** What garbage collection means for one object now (garbagecollector.go attemptToDeleteItem, processDeletingDependentsItem). Pure. */
export function planCollection(node: Node, graph: Pick<OwnerGraph, 'get' | 'dependents' | 'isAbsent'>): CollectionPlan {
  const plan: CollectionPlan = {
    confirm: [],
    deleteSelf: undefined,
    unblock: false,
    dropOwners: [],
    deleteDependents: [],
    orphan: [],
    removeFinalizer: undefined,
  };
  if (node.deleting && node.finalizers.includes(orphaning)) {
    plan.orphan = graph.dependents(node.uid);
    plan.removeFinalizer = orphaning;
    return plan;
  }
  if (node.deleting && node.finalizers.includes(foreground)) {
    const dependents = graph.dependents(node.uid);
    const blocking = dependents.filter((one) =>
      one.owners.some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion),
    );
    plan.deleteDependents = blocking.filter((one) => !one.deleting);
    if (blocking.length === 0) plan.removeFinalizer = foreground;
    return plan;
  }
  if (node.deleting || node.owners.length === 0) return plan;
  planByOwners(plan, node, graph);
  return plan;
}

function planByOwners(
  plan: CollectionPlan,
  node: Node,
  graph: Pick<OwnerGraph, 'get' | 'dependents' | 'isAbsent'>,
): void {
  const solid: OwnerLink[] = [];
  const waiting: OwnerLink[] = [];
  const dangling: OwnerLink[] = [];
  for (const owner of node.owners) {
    const known = graph.get(owner.uid);
    if (known) (known.deleting && known.finalizers.includes(foreground) ? waiting : solid).push(owner);
    else if (graph.isAbsent(owner.uid)) dangling.push(owner);
    else plan.confirm.push(owner);
  }
  if (plan.confirm.length > 0) return;
  if (solid.length > 0) {
    plan.dropOwners = [...dangling, ...waiting].map((owner) => owner.uid);
    return;
  }
  const dependents = waiting.length > 0 ? graph.dependents(node.uid) : [];
  plan.unblock = dependents.some((one) => one.deleting && one.finalizers.includes(foreground));
  if (dependents.length > 0) plan.deleteSelf = 'Foreground';
  else if (node.finalizers.includes(orphaning)) plan.deleteSelf = 'Orphan';
  else if (node.finalizers.includes(foreground)) plan.deleteSelf = 'Foreground';
  else plan.deleteSelf = 'Background';
}
