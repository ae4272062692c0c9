import type { KubeObject } from '../src/api/object.ts';
import { builtinResources, type Resource } from '../src/api/resource.ts';
import type { Client } from '../src/client/client.ts';
import { plural } from '../src/inspect/plural.ts';
import { countPhases, describePhases } from '../src/inspect/pod-phase.ts';
import { printableJson } from '../src/inspect/printable.ts';
import {
  askedFor,
  type ObjectNode,
  overviewTree,
  ownersAbove,
  parseReference,
  podsOf,
  resolveTree,
  totalsOf,
} from '../src/inspect/resolve.ts';
import { type PodEntry, readSnapshot } from '../src/inspect/snapshot.ts';
import { clusterClient } from './access.ts';
import { drawTrees, type TextNode } from './box-tree.ts';
import { type Command, type Output, stringOption, UsageError, wantsJson } from './command.ts';
import { describeObject } from './describe-object.ts';
import { type PodTreeOptions, podTree } from './pod-tree.ts';
import { createStyle } from './style.ts';
import { treeJson } from './tree-json.ts';
import { intervalOption, showView, watchOptions } from './watch-view.ts';

export const command: Command = {
  options: {
    namespace: { type: 'string', short: 'n' },
    pods: { type: 'string' },
    threads: { type: 'boolean', short: 'L' },
    output: { type: 'string', short: 'o' },
    ...watchOptions,
    watch: { type: 'boolean', short: 'w' },
  },
  help: `
Shows an object and all that it is made of: Service, Deployment, ReplicaSet, Pod, container, cgroup with limits and
use, namespaces, processes, threads; at the end the totals of the whole. Without an argument: all Services and
workloads, with one line for the Pods of each.

KIND is service, deployment, replicaset, statefulset, daemonset, job, cronjob, pod, node, namespace, ingress,
replicationcontroller, or what Pods use: configmap, secret, persistentvolumeclaim, serviceaccount; or kubectl's short
name. What the object is part of (a Pod's Services and owners) is above it.

  -n, --namespace NS   of the object; without an argument: only this namespace. Default: default; all
      --pods N|all     how many Pods are shown in full; the others get one line. Default: 1; without an argument 0
  -L, --threads        a line for each thread
  -o, --output json    for programs, with all Pods in full; docs/json.md has the schema
  -w, --watch          again every 2 seconds (-d SECONDS) until ^C

examples:
  vitrine tree service/httpd-loadbalancer
  vitrine tree deploy/web -n shop --pods all
  vitrine tree`,
  run: async (invocation) => {
    const { name, args, values } = invocation;
    if (args.length > 2) throw new UsageError(`unexpected argument "${args[2]}"`);
    const json = wantsJson(invocation);
    const root = args.length > 0 ? args.join('/') : undefined;
    const namespace = stringOption(invocation, 'namespace');
    const pods = readPods(stringOption(invocation, 'pods'), root);
    const client = clusterClient(name);
    const request = { client, pods, everyThread: values.threads === true, json, compact: values.watch === true };
    try {
      return await showView(invocation, intervalOption(invocation), async (out) => {
        await showTree({
          ...request,
          out,
          ...(root !== undefined && { root }),
          ...(namespace !== undefined && { namespace }),
        });
        return undefined;
      });
    } finally {
      client.close();
    }
  },
};

function readPods(text: string | undefined, root: string | undefined): number {
  if (text === undefined) return root === undefined ? 0 : 1;
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(text)) throw new UsageError(`--pods "${text}": must be a number or all`);
  return Number(text);
}

export interface TreeRequest {
  client: Client;
  out: Output;
  /** 'service/web'; everything when absent. */
  root?: string;
  /** @default 'default' for an object, all for everything */
  namespace?: string;
  /** How many Pods are shown in full; the rest is summed up in one line for each owner. */
  pods: number;
  /** One line a thread. @default false */
  everyThread?: boolean;
  json?: boolean;
  /** JSON on one line. */
  compact?: boolean;
  /** Name of the cluster; the client already knows. */
  name?: string;
}

/** Prints the tree of an object, or of everything. */
export async function showTree(request: TreeRequest): Promise<void> {
  const { client, out, root, namespace } = request;
  const asked = root === undefined ? undefined : await askFor(client, root, namespace ?? 'default');
  const snapshot = await readSnapshot({ client, objects: 'all', threads: request.json === true });
  const roots =
    root === undefined
      ? overviewTree(snapshot, namespace)
      : [resolveTree(snapshot, root, namespace ?? 'default', asked)];
  if (request.json) return out.line(printableJson(treeJson(snapshot, roots), request.compact ? 0 : 2));
  const options = {
    snapshot,
    style: createStyle(out.colour),
    everyThread: request.everyThread === true,
    full: choosePods(roots.flatMap(podsOf), request.pods),
  };
  const lines = root === undefined ? toOverview(roots, options) : belowOwners(roots, options);
  for (const line of drawTrees(lines, out.columns)) out.line(line);
  out.line(describeTotals(roots.flatMap(podsOf)));
}

/** The object itself, where the snapshot does not list its kind. */
async function askFor(client: Client, reference: string, namespace: string): Promise<KubeObject | undefined> {
  const { kind, name } = parseReference(reference);
  if (!askedFor.has(kind)) return undefined;
  const resource = builtinResources.find((info) => info.kind === kind)!;
  const found = await client.get(resource as Resource<KubeObject>, name, resource.namespaced ? namespace : undefined);
  return { ...found, kind };
}

/** The object under what it is part of; Services beside the one that is drawn are lines of their own. */
function belowOwners(roots: ObjectNode[], options: LineOptions): TextNode[] {
  const above = roots.flatMap(({ object }) => ownersAbove(options.snapshot, object));
  const services = above.filter(({ kind }) => kind === 'Service');
  const chain = above.filter((object) => !services.slice(1).includes(object));
  const text = (object: KubeObject) => describeObject(object, options.style);
  const others = services.slice(1).map((service) => ({ text: text(service), children: [] }));
  return [
    ...others,
    ...chain.reduceRight<TextNode[]>((children, object) => [{ text: text(object), children }], toLines(roots, options)),
  ];
}

/** Those shown in full: Pods that run before others, as there is more to see. */
function choosePods(pods: PodEntry[], count: number): Set<PodEntry> {
  const runs = (pod: PodEntry) => pod.containers.some(({ processes }) => processes.length > 0);
  return new Set([...pods.filter(runs), ...pods.filter((pod) => !runs(pod))].slice(0, count));
}

interface LineOptions extends PodTreeOptions {
  full: Set<PodEntry>;
}

/** Pods without an owner are roots of their own here: a line each. */
function toOverview(roots: ObjectNode[], options: LineOptions): TextNode[] {
  return roots.flatMap((node) => {
    const { pod, object } = node;
    if (!pod || options.full.has(pod)) return toLines([node], options);
    return [{ text: `${describeObject(object, options.style)}: ${contents([pod])}`, children: [] }];
  });
}

/** Objects as lines; the Pods that are not shown in full become one line among their siblings. */
function toLines(nodes: ObjectNode[], options: LineOptions): TextNode[] {
  const lines: TextNode[] = [];
  const rest: PodEntry[] = [];
  for (const node of nodes) {
    if (!node.pod)
      lines.push({ text: describeObject(node.object, options.style), children: toLines(node.children, options) });
    else if (options.full.has(node.pod)) lines.push(podTree(node.pod, options));
    else rest.push(node.pod);
  }
  if (rest.length > 0) lines.push({ text: summarise(rest, lines.length > 0), children: [] });
  return lines;
}

function summarise(pods: PodEntry[], more: boolean): string {
  const count = more ? `… and ${plural(pods.length, 'more Pod')}` : plural(pods.length, 'Pod');
  return `${count} (${describePhases(countPhases(pods.map(({ object }) => object)))}): ${contents(pods)}`;
}

function contents(pods: PodEntry[]): string {
  const { containers, processes, threads } = totalsOf(pods);
  return [plural(containers, 'container'), plural(processes, 'process'), plural(threads, 'thread')].join(', ');
}

function describeTotals(pods: PodEntry[]): string {
  return `total: ${plural(totalsOf(pods).pods, 'Pod')}, ${contents(pods)}`;
}
