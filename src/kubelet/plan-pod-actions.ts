import type { Container as ContainerDef, PodSpec } from '../api/generated/core-v1.ts';
import { containerHash } from './labels.ts';
import { isSidecar, restartsAll, shouldRestart, shouldRestartInit } from './restart-policy.ts';

/** One container of the current sandbox as the planner sees it. */
export interface ContainerView {
  id: string;
  running: boolean;
  /** Set when it has ended. */
  exitCode?: number;
  hash: string;
  /** Its startup probe, if any, has passed, and its postStart hook is done. */
  started: boolean;
  liveness?: 'success' | 'failure';
  startup?: 'success' | 'failure';
  /** Only a restart gives it what the node has promised. */
  resize?: boolean;
}

export interface PodView {
  spec: PodSpec;
  /** The Pod has a sandbox with a network. */
  sandbox: boolean;
  /** The Pod has had a sandbox or containers before (also in an earlier life of the machine). */
  ranBefore: boolean;
  /** The newest container of each name in the current sandbox. */
  containers: ReadonlyMap<string, ContainerView>;
}

export interface KillAction {
  id: string;
  name: string;
  message: string;
  reason: 'definition changed' | 'liveness' | 'startup' | 'resize';
}

export interface PodActions {
  /** Every container is to be stopped: the Pod has run its course. */
  killPod: boolean;
  /** The container whose end has all of them stopped and started afresh, init containers first (KEP-5532). */
  restartAll?: string;
  createSandbox: boolean;
  kill: KillAction[];
  /** Init containers to start now: at most one ordinary one, and the sidecars that ended. */
  startInit: string[];
  /** Ordinary containers to start, in the order of the spec. */
  start: string[];
  startEphemeral: string[];
}

/**
 * What has to be done to bring the Pod's containers to what the spec wants (kuberuntime computePodActions, without its
 * side effects). Back-off is not decided here: a start may be put off by the one who carries it out.
 */
export function planPodActions(view: PodView): PodActions {
  const actions: PodActions = {
    killPod: false,
    createSandbox: false,
    kill: [],
    startInit: [],
    start: [],
    startEphemeral: [],
  };
  if (!view.sandbox && !planNewSandbox(view, actions)) return actions;
  const restartAll = findRestartAll(view);
  if (restartAll) return { ...actions, restartAll };

  for (const container of view.spec.ephemeralContainers ?? [])
    if (!view.containers.has(container.name)) actions.startEphemeral.push(container.name);

  const initialized = planInitContainers(view, actions);
  if (actions.killPod || !initialized) return actions;
  planContainers(view, actions);
  return actions;
}

function findRestartAll({ spec, containers }: PodView): string | undefined {
  const ended = [...(spec.initContainers ?? []), ...spec.containers].find((container) => {
    const seen = containers.get(container.name);
    return seen && !seen.running && restartsAll(container, seen.exitCode ?? -1);
  });
  return ended?.name;
}

/** False when the Pod must not start again. */
function planNewSandbox(view: PodView, actions: PodActions): boolean {
  if (view.ranBefore && view.spec.restartPolicy === 'Never') {
    actions.killPod = true;
    return false;
  }
  actions.createSandbox = true;
  return true;
}

/** Walks the init containers in order; true when the ordinary ones may run. */
function planInitContainers(view: PodView, actions: PodActions): boolean {
  const { spec, containers } = view;
  const anyRegular = spec.containers.some((container) => containers.has(container.name));
  for (const container of spec.initContainers ?? []) {
    const seen = containers.get(container.name);
    if (isSidecar(container)) {
      const ready = planSidecar(container, seen, actions);
      if (!ready && !anyRegular) return false;
      continue;
    }
    if (anyRegular) continue;
    if (!seen) {
      actions.startInit.push(container.name);
      return false;
    }
    if (seen.running) {
      planKills(spec, container, seen, actions);
      return false;
    }
    if (seen.exitCode === 0) continue;
    if (shouldRestartInit(spec, container, seen.exitCode ?? -1)) actions.startInit.push(container.name);
    else actions.killPod = true;
    return false;
  }
  return true;
}

/** True when the sidecar is up, so that what follows it may start. */
function planSidecar(container: ContainerDef, seen: ContainerView | undefined, actions: PodActions): boolean {
  if (!seen?.running) {
    actions.startInit.push(container.name);
    return false;
  }
  if (planKills({ restartPolicy: 'Always', containers: [] }, container, seen, actions)) {
    actions.startInit.push(container.name);
    return false;
  }
  return seen.started;
}

function planContainers(view: PodView, actions: PodActions): void {
  const { spec, containers } = view;
  let kept = 0;
  for (const container of spec.containers) {
    const seen = containers.get(container.name);
    if (!seen) {
      actions.start.push(container.name);
    } else if (!seen.running) {
      if (shouldRestart(spec, container, seen.exitCode ?? -1)) actions.start.push(container.name);
    } else if (planKills(spec, container, seen, actions)) {
      if (seen.hash !== containerHash(container) || seen.resize || shouldRestart(spec, container, 137))
        actions.start.push(container.name);
    } else {
      kept++;
    }
  }
  const ephemeral = (spec.ephemeralContainers ?? []).some((container) => containers.get(container.name)?.running);
  if (kept === 0 && actions.start.length === 0 && !ephemeral && actions.startEphemeral.length === 0) {
    actions.killPod = true;
    actions.startInit = [];
  }
}

/** Adds the kill of a running container that must not go on; true if there is one. */
function planKills(spec: PodSpec, container: ContainerDef, seen: ContainerView, actions: PodActions): boolean {
  const restart = shouldRestart(spec, container, 137) ? ', will be restarted' : '';
  const kill = (reason: KillAction['reason'], what: string, suffix: string) => {
    const message = `Container ${container.name} ${what}${suffix}`;
    actions.kill.push({ id: seen.id, name: container.name, message, reason });
    return true;
  };
  if (seen.hash !== containerHash(container))
    return kill('definition changed', 'definition changed', ', will be restarted');
  if (seen.resize) return kill('resize', 'resize requires restart', '');
  if (seen.liveness === 'failure') return kill('liveness', 'failed liveness probe', restart);
  if (seen.startup === 'failure') return kill('startup', 'failed startup probe', restart);
  return false;
}
