import fs from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { UserError } from './base/errors.ts';
import { errorChain } from './base/log.ts';
import {
  type KubeletConfiguration,
  type KubeletConfigurationFile,
  kubeletConfiguration,
} from './kubelet/configuration.ts';
import { parseSignalMap } from './kubelet/eviction/thresholds.ts';
import type { ClusterPaths } from './paths.ts';

type Read = (text: string) => unknown;
const number: Read = (text) => {
  if (!/^-?\d+$/.test(text)) throw new Error(`"${text}" is not a number`);
  return Number(text);
};
const text: Read = (value) => value;
const lessThan: Read = (value) => parseSignalMap(value, '<');
const list: Read = (value) => value.split(',').filter(Boolean);
const equals: Read = (value) => parseSignalMap(value, '=');

/** The kubelet's flags that are taken, each with the field of KubeletConfiguration that it sets. */
export const kubeletFlags: Record<string, { field: keyof KubeletConfigurationFile; read: Read; help: string }> = {
  'max-pods': { field: 'maxPods', read: number, help: 'most Pods on the node (250)' },
  'pod-max-pids': { field: 'podPidsLimit', read: number, help: 'most processes of a Pod (-1, no limit)' },
  'eviction-hard': { field: 'evictionHard', read: lessThan, help: 'evict at once below: memory.available<100Mi,…' },
  'eviction-soft': { field: 'evictionSoft', read: lessThan, help: 'evict after a grace period below' },
  'eviction-soft-grace-period': { field: 'evictionSoftGracePeriod', read: equals, help: 'memory.available=1m30s,…' },
  'eviction-minimum-reclaim': { field: 'evictionMinimumReclaim', read: equals, help: 'nodefs.available=500Mi,…' },
  'eviction-pressure-transition-period': {
    field: 'evictionPressureTransitionPeriod',
    read: text,
    help: 'how long a pressure condition stays (5m0s)',
  },
  'eviction-max-pod-grace-period': {
    field: 'evictionMaxPodGracePeriod',
    read: number,
    help: 'most seconds of grace after a soft threshold (0)',
  },
  'image-gc-high-threshold': {
    field: 'imageGCHighThresholdPercent',
    read: number,
    help: 'remove images above this use of the disk (85)',
  },
  'image-gc-low-threshold': { field: 'imageGCLowThresholdPercent', read: number, help: '… down to this (80)' },
  'minimum-image-ttl-duration': {
    field: 'imageMinimumGCAge',
    read: text,
    help: 'how long an unused image stays at least (2m0s)',
  },
  'container-log-max-size': { field: 'containerLogMaxSize', read: text, help: 'size at which a log is rotated (10Mi)' },
  'container-log-max-files': { field: 'containerLogMaxFiles', read: number, help: 'log files of a container (5)' },
  'default-ulimits': {
    field: 'defaultUlimits',
    read: equals,
    help: 'limits of containers: nofile=1024:524288,core=0 (those of the node process)',
  },
  'system-reserved': {
    field: 'systemReserved',
    read: equals,
    help: 'kept from Pods: cpu=500m,memory=1Gi,ephemeral-storage=1Gi',
  },
  'kube-reserved': { field: 'kubeReserved', read: equals, help: 'the same, for Vitrine itself' },
  'crash-loop-max': {
    field: 'crashLoopBackOff',
    read: (value) => ({ maxContainerRestartPeriod: value }),
    help: 'longest wait before a crashing container is restarted (5m0s)',
  },
  'pod-manifest-path': {
    field: 'staticPodPath',
    read: text,
    help: 'directory of manifests of static Pods (manifests/ beside kubelet.yaml)',
  },
  'allowed-unsafe-sysctls': {
    field: 'allowedUnsafeSysctls',
    read: list,
    help: "sysctls that Pods may set: 'kernel.msg*,net.core.somaxconn'",
  },
};

/** Where a cluster's KubeletConfiguration is kept; people may edit it. */
export const kubeletConfigFile = (paths: ClusterPaths): string => path.join(paths.state, 'kubelet.yaml');

/** What the flags say, by field. */
export function fromFlags(values: Record<string, unknown>): KubeletConfigurationFile {
  const file: Record<string, unknown> = {};
  for (const [flag, { field, read }] of Object.entries(kubeletFlags)) {
    const value = values[flag];
    if (typeof value !== 'string') continue;
    try {
      file[field] = read(value);
    } catch (error) {
      throw new UserError(`--${flag}: ${errorChain(error)}`);
    }
  }
  return file as KubeletConfigurationFile;
}

/** The configuration of a cluster's kubelet: its file, and what flags change. */
export function readKubeletConfig(paths: ClusterPaths, flags: KubeletConfigurationFile = {}): KubeletConfiguration {
  const file = readFile(paths);
  try {
    return kubeletConfiguration({ ...file, ...flags });
  } catch (error) {
    throw new UserError(errorChain(error), { hint: `see ${kubeletConfigFile(paths)}` });
  }
}

/** Keeps what flags say in the cluster's file, for this start and the ones to come. */
export function keepFlags(paths: ClusterPaths, flags: KubeletConfigurationFile): void {
  if (Object.keys(flags).length === 0) return;
  readKubeletConfig(paths, flags);
  const head = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
  fs.mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  const target = kubeletConfigFile(paths);
  fs.writeFileSync(`${target}.tmp`, stringify({ ...head, ...readFile(paths), ...flags }), { flush: true });
  fs.renameSync(`${target}.tmp`, target);
}

function readFile(paths: ClusterPaths): KubeletConfigurationFile {
  let content: string;
  try {
    content = fs.readFileSync(kubeletConfigFile(paths), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  return (parse(content) ?? {}) as KubeletConfigurationFile;
}
