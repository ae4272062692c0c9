import type { Namespace, Pod } from '../../api/generated/core-v1.ts';
import type { NetworkPolicy } from '../../api/generated/networking-v1.ts';
import { keyOf } from '../../api/object.ts';
import { namespaces, networkPolicies, pods } from '../../api/resource.ts';
import type { Logger } from '../../base/log.ts';
import type { Informer, InformerFactory } from '../../client/informer.ts';
import type { Linux } from '../../linux/linux.ts';
import type { AddressPlan } from '../address-plan.ts';
import type { PodIsolation } from '../network.ts';
import { RuleTable, type TableRules } from '../rule-table.ts';
import { type PolicyPod, planPolicyRules } from './plan-policy-rules.ts';
import { policySkeleton, policyTable, removePolicies } from './policy-table.ts';

/** Changes that come together are one update. */
const batchMs = 20;
const retryMs = 1000;
/** A Pod does not wait longer for an API that does not answer: a static Pod has to start without one. */
const patienceMs = 3000;
/** The API tells a new Pod's address within milliseconds, or the Pod is gone. */
const attachedForMs = 60_000;

export interface NetworkPoliciesOptions {
  informers: InformerFactory;
  linux: Pick<Linux, 'nft'>;
  plan: AddressPlan;
  log: Logger;
}

/**
 * Enforces NetworkPolicies. Pods and namespaces are watched once there is a policy; without one it costs a watch and
 * nothing else. Rules stay in the kernel while the node process is away.
 */
export class NetworkPolicies implements PodIsolation {
  readonly #options: NetworkPoliciesOptions;
  readonly #policies: Informer<NetworkPolicy>;
  /** Set once there has been a policy. */
  #world: { pods: Informer<Pod>; namespaces: Informer<Namespace> } | undefined;
  /** Pods whose address the API does not tell yet, by uid. */
  readonly #attached = new Map<string, { pod: PolicyPod; key: string; untilMs: number }>();
  /** What the kernel has; undefined before the first policy and after a failure, when all is written anew. */
  #table: RuleTable | undefined;
  /** Whether the kernel has a table, or may have one from an earlier life. */
  #mayHaveTable = true;
  /** Whether something has changed since the last update began. */
  #dirty = false;
  /** The update waited for. */
  #timer: NodeJS.Timeout | undefined;
  /** The update under way; only one is at a time. */
  #updating: Promise<void> | undefined;
  #stopped = false;
  readonly #removals: (() => void)[] = [];

  constructor(options: NetworkPoliciesOptions) {
    this.#options = options;
    this.#policies = options.informers.informer(networkPolicies);
  }

  start(): void {
    const changed = () => this.#schedule(batchMs);
    this.#removals.push(this.#policies.on({ added: changed, updated: changed, deleted: changed }));
    void this.#policies.whenSynced().then(changed);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const remove of this.#removals.splice(0)) remove();
  }

  async protect(pod: Pod, address: string): Promise<void> {
    const tooLate = Promise.withResolvers<void>();
    const timer = setTimeout(tooLate.resolve, patienceMs);
    await Promise.race([this.#whenProtected(pod, address), tooLate.promise]);
    clearTimeout(timer);
  }

  async #whenProtected(pod: Pod, address: string): Promise<void> {
    await this.#policies.whenSynced();
    if (this.#policies.list().length === 0) return;
    const untilMs = performance.now() + attachedForMs;
    this.#attached.set(pod.metadata.uid, { pod: policyPod(pod, address), key: keyOf(pod), untilMs });
    // One that is under way has not seen it.
    await this.#updating;
    await this.#update();
  }

  #schedule(delayMs: number): void {
    this.#dirty = true;
    if (this.#timer || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#dirty && this.#policies.synced) void this.#update();
    }, delayMs);
  }

  /** Makes an update, or waits for the one under way. */
  #update(): Promise<void> {
    this.#updating ??= this.#apply().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  async #apply(): Promise<void> {
    const { linux, plan, log } = this.#options;
    try {
      if (this.#policies.list().length > 0) await this.#watchWorld();
      this.#dirty = false;
      if (this.#policies.list().length === 0 && !this.#table) {
        if (this.#mayHaveTable) await linux.nft.apply(removePolicies(plan));
        this.#mayHaveTable = false;
        return;
      }
      const table = this.#table ?? new RuleTable(policyTable(plan));
      const change = table.change(new Map([['policies', this.#plan()]]));
      const script = this.#table ? change : policySkeleton(plan) + change;
      this.#mayHaveTable = true;
      this.#table = undefined;
      if (script) await linux.nft.apply(script);
      this.#table = table;
    } catch (error) {
      log.error('cannot program NetworkPolicies, writing all anew', { error });
      this.#schedule(retryMs);
    }
  }

  /** From the first policy on. */
  async #watchWorld(): Promise<void> {
    if (!this.#world) {
      const { informers } = this.#options;
      this.#world = { pods: informers.informer(pods), namespaces: informers.informer(namespaces) };
      const changed = () => this.#schedule(batchMs);
      this.#removals.push(
        this.#world.pods.on({
          added: changed,
          updated: (pod, previous) => void (concernsPolicies(pod, previous) && changed()),
          deleted: ({ metadata }) => {
            this.#attached.delete(metadata.uid);
            changed();
          },
        }),
        this.#world.namespaces.on({
          added: changed,
          updated: ({ metadata }, { metadata: previous }) => void (sameLabels(metadata, previous) || changed()),
          deleted: changed,
        }),
      );
    }
    await Promise.all([this.#world.pods.whenSynced(), this.#world.namespaces.whenSynced()]);
  }

  #plan(): TableRules {
    const { pods: allPods, namespaces: spaces } = this.#world!;
    for (const [uid, { key, untilMs }] of this.#attached) {
      const known = allPods.get(key);
      if ((known?.metadata.uid === uid && known.status?.podIP) || performance.now() > untilMs)
        this.#attached.delete(uid);
    }
    const known = allPods.list().flatMap((pod) => {
      const address = pod.status?.podIP;
      return address && !pod.spec.hostNetwork && !isOver(pod) ? [policyPod(pod, address)] : [];
    });
    return planPolicyRules({
      policies: this.#policies.list(),
      pods: [...known, ...[...this.#attached.values()].map(({ pod }) => pod)],
      namespaces: new Map(spaces.list().map(({ metadata }) => [metadata.name, metadata.labels])),
      dnsAddresses: [this.#options.plan.nodeAddress, this.#options.plan.dnsServiceIp],
    });
  }
}

function policyPod({ metadata, spec }: Pod, address: string): PolicyPod {
  const ports = [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ ports: its = [] }) =>
    its.flatMap(({ name, protocol = 'TCP', containerPort }) =>
      name === undefined ? [] : [{ name, protocol, port: containerPort }],
    ),
  );
  return { namespace: metadata.namespace ?? '', labels: metadata.labels, address, ports };
}

const isOver = ({ status }: Pod) => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Its address, its labels, or its end; not the rest of a status that changes often. */
function concernsPolicies(pod: Pod, previous: Pod): boolean {
  return (
    pod.status?.podIP !== previous.status?.podIP ||
    isOver(pod) !== isOver(previous) ||
    !sameLabels(pod.metadata, previous.metadata)
  );
}

function sameLabels(a: { labels?: Record<string, string> }, b: { labels?: Record<string, string> }): boolean {
  return JSON.stringify(a.labels ?? {}) === JSON.stringify(b.labels ?? {});
}
