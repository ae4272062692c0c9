import {
  type Disk,
  existing,
  readAddresses,
  readDisks,
  readFailedUnits,
  readFills,
  readHostDescription,
  readScheduledJobs,
  rebootReasons,
  type ScheduledJob,
} from '../../linux/host-facts.ts';
import { addSocketOwner } from '../../linux/proc-sockets.ts';
import { readMemory } from '../../linux/system-info.ts';
import { plural } from '../plural.ts';
import { readSnapshot, type Snapshot } from '../snapshot.ts';
import { readAllSockets, type Socket } from '../sockets.ts';
import { type Connection, joinConnections } from './connections.ts';
import { describeServices, type SurveyService } from './describe-services.ts';
import { createIdentify } from './identify.ts';
import { readProcessFacts } from './process-facts.ts';
import { knowledgeFiles, readKnowledge } from './services/own.ts';
import type { Family, ServiceKnowledge } from './services/service.ts';
import { findUnusual, type Unusual } from './unusual.ts';

export type { ServiceKnowledge };

/** What a host is, what it is for, who talks to whom, and what is unusual. Plain data: this is also the JSON. */
export interface Survey {
  schema: 'vitrine/survey/v1';
  takenAt: string;
  tookMs: number;
  host: SurveyHost;
  services: SurveyService[];
  connections: Connection[];
  scheduled: ScheduledJob[];
  unusual: Unusual[];
  /** What could not be seen, and why. */
  unseen: string[];
}

export interface SurveyHost {
  name: string;
  distribution: string;
  family: Family;
  kernel: string;
  architecture: string;
  init: string;
  virtualisation: string | null;
  cgroups: string;
  bootedAt: string;
  cpus: number;
  loadAverage: number[];
  memoryBytes: number;
  memoryAvailableBytes: number;
  swapBytes: number;
  swapFreeBytes: number;
  processes: number;
  threads: number;
  users: number;
  /** 'eth0 10.0.0.5/24'. */
  addresses: string[];
  disks: Disk[];
}

export interface SurveyOptions {
  /** What is known of services beyond what Vitrine knows. @default what /etc/vitrine/services.yaml and the user's say */
  services?: ServiceKnowledge[];
}

/** Reads the host once, and only reads. Works without root, and says what it could not see. */
export async function takeSurvey(options: SurveyOptions = {}): Promise<Survey> {
  const identify = createIdentify(options.services ?? readKnowledge(knowledgeFiles()));
  const start = performance.now();
  const failedUnits = readFailedUnits();
  const snapshot = await readSnapshot();
  const owners = new Map<number, number[]>();
  const facts = readProcessFacts(snapshot, (pid, descriptors) => addSocketOwner(owners, pid, descriptors));
  const sockets = readAllSockets(snapshot, owners);
  const description = readHostDescription(snapshot.takenAtMs);
  const host = hostOf(snapshot, description);
  const services = describeServices(snapshot, sockets, facts, host.family, existing, identify);
  const unusual = findUnusual({
    snapshot,
    sockets,
    facts,
    services,
    fills: readFills(host.threads),
    failedUnits: await failedUnits,
    rebootReasons: rebootReasons(),
    clockDifferenceSeconds: description.clockDifferenceSeconds,
    memory: readMemory(),
  });
  return {
    schema: 'vitrine/survey/v1',
    takenAt: new Date(snapshot.takenAtMs).toISOString(),
    tookMs: Math.round(performance.now() - start),
    host,
    services,
    connections: joinConnections(sockets, services),
    scheduled: readScheduledJobs(),
    unusual,
    unseen: unseenOf(snapshot, sockets),
  };
}

function hostOf(
  snapshot: Snapshot,
  { distribution, kernel, init, virtualisation, loadAverage }: ReturnType<typeof readHostDescription>,
): SurveyHost {
  const memory = readMemory();
  const processes = [...snapshot.processes.values()];
  return {
    name: snapshot.host.hostname,
    distribution: distribution.name,
    family: familyOf([distribution.id, ...distribution.like]),
    kernel,
    architecture: process.arch,
    init,
    virtualisation: virtualisation ?? null,
    cgroups: snapshot.host.cgroups,
    bootedAt: new Date(snapshot.host.bootTimeMs).toISOString(),
    cpus: snapshot.host.cpus,
    loadAverage,
    memoryBytes: memory.MemTotal ?? 0,
    memoryAvailableBytes: memory.MemAvailable ?? 0,
    swapBytes: memory.SwapTotal ?? 0,
    swapFreeBytes: memory.SwapFree ?? 0,
    processes: processes.length,
    threads: processes.reduce((sum, { threadCount }) => sum + threadCount, 0),
    users: new Set(processes.map(({ uid }) => uid)).size,
    addresses: readAddresses(),
    disks: readDisks(),
  };
}

export function familyOf(ids: string[]): Family {
  for (const id of ids) {
    if (/^(debian|ubuntu|linuxmint|raspbian)$/.test(id)) return 'debian';
    if (/^(rhel|fedora|centos|rocky|almalinux|amzn|ol)$/.test(id)) return 'redhat';
    if (/^(suse|sles|opensuse.*|sle.*)$/.test(id)) return 'suse';
    if (id === 'alpine') return 'alpine';
    if (/^(arch|manjaro|archlinux)$/.test(id)) return 'arch';
  }
  return 'other';
}

function unseenOf(snapshot: Snapshot, sockets: Socket[]): string[] {
  const hidden = [...snapshot.processes.values()].filter(
    ({ namespaces, ppid, pid }) => Object.keys(namespaces).length === 0 && ppid !== 2 && pid !== 2,
  ).length;
  const held = sockets.filter(({ inode, state }) => inode > 0 && state === 'LISTEN');
  const unknown = held.filter(({ processes }) => processes.length === 0).length;
  return [
    ...(process.getuid?.() === 0 ? [] : ['not root: open files, executables and namespaces of other users are hidden']),
    ...(hidden > 0 ? [`namespaces, executables and files of ${plural(hidden, 'process')}`] : []),
    ...(unknown > 0 ? [`the processes of ${plural(unknown, 'listening socket')}`] : []),
  ];
}
