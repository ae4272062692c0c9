import { readThreadOwner } from '../../linux/proc-details.ts';
import { type RulesOfService, rulesOfServices } from '../service-rules.ts';
import type { Snapshot, Thread } from '../snapshot.ts';
import { readThreads } from '../snapshot.ts';
import { readAllSockets, type Socket } from '../sockets.ts';
import { lookAtCgroup } from './cgroup.ts';
import { lookAtContainer } from './container.ts';
import { lookAtFile } from './file.ts';
import { lookAtNamespace } from './namespace.ts';
import { lookAtObject, objectsWithAddress } from './object.ts';
import { lookAtProcess } from './process.ts';
import { lookAtSocket } from './socket.ts';
import { parseTarget, type Target } from './target.ts';

/** One thing with all that is known of it: what it is part of, its own facts, what is part of it. */
export interface Look {
  type: 'process' | 'thread' | 'socket' | 'namespace' | 'cgroup' | 'container' | 'image' | 'file' | 'unit' | 'object';
  title: string;
  /** From the outermost (a Service, a unit, the first process) to the nearest. */
  above: LookNode[];
  facts: { name: string; value: string }[];
  below: LookNode[];
}

export interface LookNode {
  type: string;
  text: string;
  children: LookNode[];
}

/** What every look may ask; sockets are read when first needed, as they cost a file a descriptor. */
export interface LookContext {
  snapshot: Snapshot;
  /** Objects of this namespace only. */
  namespace: string | undefined;
  sockets(): Socket[];
  rulesOf: RulesOfService;
}

/** Everything that the word can mean on this host; empty when there is no such thing. */
export function look(text: string, snapshot: Snapshot, namespace?: string): Look[] {
  let sockets: Socket[] | undefined;
  const context: LookContext = {
    ...{ snapshot, namespace, rulesOf: rulesOfServices(snapshot) },
    sockets: () => (sockets ??= readAllSockets(snapshot)),
  };
  return matches(parseTarget(text), context);
}

function matches(target: Target, context: LookContext): Look[] {
  const { snapshot } = context;
  switch (target.type) {
    case 'number':
      return lookAtNumber(target.number, context);
    case 'socket':
      return context
        .sockets()
        .filter(({ inode }) => inode === target.inode)
        .map((socket) => lookAtSocket(socket, context));
    case 'namespace': {
      const namespace = snapshot.namespaces.get(target.inode);
      return namespace ? [lookAtNamespace(namespace)] : [];
    }
    case 'port':
      return lookAtPort(target, context);
    case 'path':
      return lookAtPath(target.path, context);
    case 'object':
      return lookAtObject(target.kind, target.name, context);
    case 'address':
      return objectsWithAddress(target.address, context);
    case 'word':
      return lookAtWord(target.word, context);
  }
}

/** A pid, else a tid, else the inode of a socket. */
function lookAtNumber(number: number, context: LookContext): Look[] {
  const process = context.snapshot.processes.get(number);
  if (process) return [lookAtProcess(process, context)];
  const owner = context.snapshot.processes.get(readThreadOwner(number) ?? -1);
  const thread = owner && readThreads(owner)?.find(({ tid }) => tid === number);
  if (thread) return [lookAtThread(thread, lookAtProcess(owner, context))];
  const sockets = context.sockets().filter(({ inode }) => inode === number);
  return sockets.map((socket) => lookAtSocket(socket, context));
}

function lookAtThread(thread: Thread, process: Look): Look {
  return {
    type: 'thread',
    title: `thread ${thread.tid} ${thread.comm}`,
    above: [...process.above, { type: 'process', text: process.title, children: [] }],
    facts: [
      { name: 'state', value: thread.state },
      { name: 'cpu', value: `${((thread.userTicks + thread.systemTicks) / 100).toFixed(2)} s` },
      { name: 'nice', value: String(thread.nice) },
      { name: 'processor', value: String(thread.processor) },
    ],
    below: [],
  };
}

function lookAtPort({ port, protocol, address }: Extract<Target, { type: 'port' }>, context: LookContext): Look[] {
  const found = context
    .sockets()
    .filter(
      (socket) =>
        socket.protocol !== 'unix' &&
        socket.localPort === port &&
        (protocol === undefined || socket.protocol === protocol) &&
        (address === undefined || socket.localAddress === address),
    );
  const listening = found.filter(({ state, protocol: its }) => state === 'LISTEN' || its === 'udp');
  const services = context.snapshot.objects.services.filter(({ spec }) =>
    spec.ports?.some((its) => its.port === port || its.nodePort === port),
  );
  return [
    ...(listening.length > 0 ? listening : found).map((socket) => lookAtSocket(socket, context)),
    ...services.flatMap(({ metadata }) => lookAtObject('Service', metadata.name, context, metadata.namespace)),
  ];
}

/** A UNIX socket, a cgroup, or a file: whichever there is, in this order. */
function lookAtPath(path: string, context: LookContext): Look[] {
  const sockets = context.sockets().filter((socket) => socket.path === path);
  if (sockets.length > 0) return sockets.map((socket) => lookAtSocket(socket, context)).slice(0, 20);
  const cgroup = lookAtCgroup(
    path.replace(/^\/sys\/fs\/cgroup(\/(unified|systemd|memory|cpu[\w,]*|pids))?(?=\/)/, ''),
    context,
  );
  return cgroup ? [cgroup] : lookAtFile(path, context);
}

/** A container by id or name, an object, an image, a unit, a command. */
function lookAtWord(word: string, context: LookContext): Look[] {
  const { snapshot } = context;
  const containers = [...snapshot.containers.values()];
  const byId = /^[0-9a-f]{6,64}$/.test(word) ? containers.filter(({ id }) => id.startsWith(word)) : [];
  if (byId.length > 0) return byId.map((container) => lookAtContainer(container, context));
  const pods = [...snapshot.pods.values()].filter(({ name }) => name === word);
  if (pods.length > 0) return pods.flatMap((pod) => lookAtObject('Pod', pod.name, context, pod.namespace));
  const named = containers.filter(({ id, name }) => id === word || name === word);
  if (named.length > 0) return named.map((container) => lookAtContainer(container, context));
  const ofImage = containers.filter(({ image }) => image !== undefined && sameImage(image, word));
  const { services, workloads, nodes } = snapshot.objects;
  const objects = [...services, ...workloads, ...nodes].filter(({ metadata }) => metadata.name === word);
  if (ofImage.length > 0 || objects.length > 0)
    return [
      ...objects.flatMap(({ kind, metadata }) => lookAtObject(kind, word, context, metadata.namespace)),
      ...(ofImage.length > 0 ? [lookAtImage(word, ofImage, context)] : []),
    ];
  const ofUnit = [...snapshot.processes.values()].filter(
    ({ unit }) => unit === word || unit === `${word}.service` || unit === `${word}.scope`,
  );
  if (ofUnit.length > 0) {
    const cgroup = lookAtCgroup(ofUnit[0]!.cgroup, context);
    return cgroup ? [{ ...cgroup, type: 'unit', title: `unit ${ofUnit[0]!.unit}` }] : [];
  }
  return [...snapshot.processes.values()]
    .filter(({ comm }) => comm === word)
    .map((process) => lookAtProcess(process, context));
}

/** 'httpd' names 'docker.io/library/httpd:2.4', too. */
function sameImage(image: string, word: string): boolean {
  const short = image.replace(/^docker\.io\/(library\/)?/, '');
  return image === word || short === word || short.split(':')[0] === word || short === `${word}:latest`;
}

function lookAtImage(
  word: string,
  containers: Snapshot['containers'] extends Map<string, infer C> ? C[] : never,
  context: LookContext,
): Look {
  return {
    type: 'image',
    title: `image ${containers[0]?.image ?? word}`,
    above: [],
    facts: [{ name: 'containers', value: String(containers.length) }],
    below: containers.map((container) => {
      const { title, below } = lookAtContainer(container, context);
      return { type: 'container', text: title, children: below };
    }),
  };
}
