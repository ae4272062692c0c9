import type { ContainerFacts, Finding, NodeFacts, Owner } from './node-facts.ts';

/** What is off: state without its part in the kernel, parts in the kernel without state, and Pods that differ. Pure. */
export function planNodeCheck(facts: NodeFacts): Finding[] {
  const claims = claimsOf(facts);
  return [
    ...facts.containers.flatMap((container) => checkContainer(container, claims)),
    ...checkSandboxes(facts),
    ...unclaimed(facts, claims),
    ...checkNetwork(facts, claims),
    ...checkPods(facts),
  ];
}

interface Claims {
  containers: ReadonlySet<string>;
  sandboxes: ReadonlySet<string>;
  /** UIDs of Pods that have a sandbox here, or that the API has. */
  pods: ReadonlySet<string>;
  /** Whether the API was asked: without it nobody knows whose a Pod's directory is. */
  podsKnown: boolean;
}

function claimsOf({ containers, sandboxes, pods }: NodeFacts): Claims {
  return {
    containers: new Set(containers.map(({ id }) => id)),
    sandboxes: new Set(sandboxes.map(({ id }) => id)),
    pods: new Set([...sandboxes.map(({ pod }) => pod), ...(pods?.keys() ?? [])]),
    podsKnown: pods !== undefined,
  };
}

const finding = (area: Finding['area'], about: string, problem: string): Finding => ({ area, about, problem });

function checkContainer(container: ContainerFacts, { sandboxes }: Claims): Finding[] {
  const { id, state } = container;
  const problems = {
    'has no sandbox': !sandboxes.has(container.sandbox),
    'was made and never started': state === 'created',
    'is noted as running, but its monitor is gone': state === 'running' && !container.monitorAlive,
    'is noted as running, but its first process is gone':
      state === 'running' && container.monitorAlive && !container.processAlive && !container.exitNoted,
    'runs, but its root is not mounted': state === 'running' && container.processAlive && !container.rootMounted,
    'runs, but its cgroup is gone': state === 'running' && container.processAlive && !container.cgroupExists,
    'has ended, but its root is still mounted': state === 'exited' && container.rootMounted,
    'has ended, but its cgroup is still there': state === 'exited' && container.cgroupExists,
    'has ended, but its monitor is still there': state === 'exited' && container.monitorAlive,
  };
  return Object.entries(problems).flatMap(([problem, is]) => (is ? [finding('container', id, problem)] : []));
}

function checkSandboxes({ sandboxes }: NodeFacts): Finding[] {
  return sandboxes.flatMap(({ id, cgroupExists, unpinned }) => [
    ...(cgroupExists ? [] : [finding('sandbox', id, 'its cgroup is gone')]),
    ...unpinned.map((kind) => finding('sandbox', id, `its ${kind} namespace is not pinned`)),
  ]);
}

function unclaimed(facts: NodeFacts, claims: Claims): Finding[] {
  const isClaimed = (owner: Owner) => {
    if ('container' in owner) return claims.containers.has(owner.container);
    if ('sandbox' in owner) return claims.sandboxes.has(owner.sandbox);
    return claims.pods.has(owner.pod) || !claims.podsKnown;
  };
  return [
    ...facts.mounts
      .filter(({ owner }) => !isClaimed(owner))
      .map(({ target }) => finding('mount', target, 'belongs to nobody')),
    ...facts.remains
      .filter(({ owner }) => !isClaimed(owner))
      .map(({ path }) => finding('disk', path, 'belongs to nobody')),
    ...facts.monitors
      .filter(({ container }) => container === undefined || !claims.containers.has(container))
      .map(({ pid, container }) =>
        finding('process', String(pid), `watches ${container ?? 'something'} that nobody knows`),
      ),
    ...facts.podCgroups
      .filter(({ uid }) => !isClaimed({ pod: uid }))
      .map(({ path }) => finding('cgroup', path, 'belongs to nobody')),
  ];
}

function checkNetwork({ sandboxes, links, shapers, addresses, routed, network }: NodeFacts, claims: Claims): Finding[] {
  const wanted = new Map(sandboxes.flatMap(({ id, link }) => (link ? [[link, id] as const] : [])));
  const present = new Set(links);
  return [
    ...(network.link ? [] : [finding('network', 'node', "the cluster's own link is missing")]),
    ...network.missingTables.map((table) => finding('network', table, 'the nftables table is missing')),
    ...links.filter((link) => !wanted.has(link)).map((link) => finding('network', link, 'the link belongs to nobody')),
    ...shapers
      .filter(({ link }) => !wanted.has(link))
      .map(({ name }) => finding('network', name, 'the link belongs to nobody')),
    ...[...wanted]
      .filter(([link, id]) => addresses.has(id) && !present.has(link))
      .map(([link, id]) => finding('network', link, `the link of sandbox ${id} is missing`)),
    ...[...addresses].flatMap(([id, address]) => {
      if (!claims.sandboxes.has(id)) return [finding('network', address, `is given to sandbox ${id}, which is gone`)];
      return routed.has(address) ? [] : [finding('network', address, `no route leads to it (sandbox ${id})`)];
    }),
  ];
}

function checkPods({ pods, sandboxes, containers }: NodeFacts): Finding[] {
  if (!pods) return [];
  const here = new Map(sandboxes.map(({ id, pod }) => [id, pod]));
  const running = new Set(containers.filter(({ processAlive }) => processAlive).map(({ id }) => id));
  return [
    ...[...here]
      .filter(([, uid]) => !pods.has(uid))
      .map(([id, uid]) => finding('api', id, `the API knows no Pod ${uid} on this node`)),
    ...[...pods.values()].flatMap(({ name, running: ids, terminating }) =>
      ids
        .filter((id) => !running.has(id) && !terminating)
        .map((id) => finding('api', name, `the API says that container ${id} runs, which it does not`)),
    ),
  ];
}
