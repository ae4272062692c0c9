import { goDurationMs } from '../base/go-duration.ts';
import { systemCriticalPriority } from './critical-pod.ts';
import { parseThresholds, type Threshold, type ThresholdMaps } from './eviction/thresholds.ts';
import { type Verification, verificationPolicies } from './images/pull-records.ts';
import type { MemoryQos } from './memory-qos.ts';
import { quantityValue, wholeValue } from './quantity.ts';

/** The fields of kubelet.config.k8s.io/v1beta1 KubeletConfiguration that this kubelet heeds, as they are written. */
export interface KubeletConfigurationFile extends ThresholdMaps {
  maxPods?: number;
  podPidsLimit?: number;
  evictionPressureTransitionPeriod?: string;
  evictionMaxPodGracePeriod?: number;
  imageGCHighThresholdPercent?: number;
  imageGCLowThresholdPercent?: number;
  imageMinimumGCAge?: string;
  imageMaximumGCAge?: string;
  containerLogMaxSize?: string;
  containerLogMaxFiles?: number;
  /** Not Kubernetes's: limits of every container's processes, soft and hard: { nofile: '1024:524288' }. */
  defaultUlimits?: Record<string, string>;
  /** Amounts of cpu, memory, ephemeral-storage that Pods do not get. */
  systemReserved?: Record<string, string>;
  kubeReserved?: Record<string, string>;
  /** Directory of manifests of static Pods. */
  staticPodPath?: string;
  /** Sysctls that Pods may set beside the safe ones: 'kernel.msg*'. */
  allowedUnsafeSysctls?: string[];
  crashLoopBackOff?: { maxContainerRestartPeriod?: string };
  /** Time for all Pods to end when the node is shut down; none, and they are just stopped. */
  shutdownGracePeriod?: string;
  /** The part of it that only critical Pods get. */
  shutdownGracePeriodCriticalPods?: string;
  shutdownGracePeriodByPodPriority?: ShutdownGracePeriod[];
  /** When the kernel kills for lack of memory, it kills one process and not the container (cgroup v2). */
  singleProcessOOMKill?: boolean;
  /** Whether containers may use swap (cgroup v2): NoSwap, or LimitedSwap for Burstable Pods. */
  memorySwap?: { swapBehavior?: string };
  /** Of Kubernetes's gates only MemoryQoS says something here: see memory-qos.ts. */
  featureGates?: Record<string, boolean>;
  /** Whether Pods must show a Secret for images that are there already (KEP-2535). */
  imagePullCredentialsVerificationPolicy?: string;
  preloadedImagesVerificationAllowlist?: string[];
  memoryThrottlingFactor?: number;
  memoryReservationPolicy?: string;
}

export interface ShutdownGracePeriod {
  priority: number;
  shutdownGracePeriodSeconds: number;
}

/** The same, checked and in plain units. */
export interface KubeletConfiguration {
  /** The fields as they are written, defaults filled in. */
  settings: KubeletConfigurationFile & { memorySwap: { swapBehavior: string } };
  maxPods: number;
  /** Most processes of one Pod; -1 for no limit. */
  podPidsLimit: number;
  thresholds: Threshold[];
  /** How long a pressure condition stays after it was last seen. */
  evictionPressureTransitionMs: number;
  /** Most seconds of grace that a Pod evicted by a soft threshold gets. */
  evictionMaxPodGraceSeconds: number;
  imageGC: { highPercent: number; lowPercent: number; minimumAgeMs: number; maximumAgeMs: number };
  containerLog: { maxBytes: number; maxFiles: number };
  /** By name ('nofile'); those that are absent are the node process's own, as with containerd. */
  ulimits: Ulimit[];
  /** What Pods do not get: CPUs and bytes. */
  reserved: Record<(typeof reservable)[number], number>;
  /** Longest delay before a container that crashes again and again is restarted. */
  crashLoopMaxMs: number;
  /** From low to high priority; empty, and a shutdown is not graceful. */
  shutdownGracePeriods: ShutdownGracePeriod[];
  imageVerification: Verification;
  /** Undefined where the gate is off. */
  memoryQos: MemoryQos | undefined;
}

export interface Ulimit {
  name: string;
  soft: number;
  hard: number;
}

const reservable = ['cpu', 'memory', 'ephemeral-storage'] as const;

/**
 * Kubernetes's defaults (kubelet/apis/config/v1beta1/defaults.go) but for two: 250 Pods, and 5 % of the disk instead of 10
 * and 15, as single-machine distributions have it: those suit servers, not the disk that people work on.
 */
const defaults = {
  maxPods: 250,
  podPidsLimit: -1,
  evictionHard: {
    'memory.available': '100Mi',
    'nodefs.available': '5%',
    'nodefs.inodesFree': '5%',
    'imagefs.available': '5%',
    'imagefs.inodesFree': '5%',
  },
  evictionPressureTransitionPeriod: '5m0s',
  evictionMaxPodGracePeriod: 0,
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  imageMinimumGCAge: '2m0s',
  imageMaximumGCAge: '0s',
  containerLogMaxSize: '10Mi',
  containerLogMaxFiles: 5,
  defaultUlimits: {} as Record<string, string>,
  systemReserved: {},
  kubeReserved: {},
  allowedUnsafeSysctls: [],
  shutdownGracePeriod: '0s',
  shutdownGracePeriodCriticalPods: '0s',
  shutdownGracePeriodByPodPriority: [],
  singleProcessOOMKill: false,
  featureGates: {} as Record<string, boolean>,
  imagePullCredentialsVerificationPolicy: 'NeverVerifyPreloadedImages',
  preloadedImagesVerificationAllowlist: [] as string[],
  memoryThrottlingFactor: 0.9,
  memoryReservationPolicy: 'None',
} satisfies KubeletConfigurationFile;

/** Checks a configuration and fills in what it leaves out (kubelet/apis/config/validation). Pure. */
export function kubeletConfiguration(file: KubeletConfigurationFile = {}): KubeletConfiguration {
  const all = { ...defaults, ...file, memorySwap: memorySwap(file.memorySwap) };
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = all;
  for (const [field, least, most] of [
    ['maxPods', 1, 100_000],
    ['podPidsLimit', -1, 4_194_304],
    ['evictionMaxPodGracePeriod', -1, 2 ** 31 - 1],
    ['imageGCHighThresholdPercent', 0, 100],
    ['imageGCLowThresholdPercent', 0, 100],
    ['containerLogMaxFiles', 2, 1000],
  ] as const) {
    const value = all[field];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(
        `invalid configuration: ${field} ${JSON.stringify(value)} must be a number from ${least} to ${most}`,
      );
  }
  if (low >= high)
    throw new Error(
      `invalid configuration: imageGCLowThresholdPercent ${low} must be less than imageGCHighThresholdPercent ${high}`,
    );
  return {
    settings: all,
    maxPods: all.maxPods,
    podPidsLimit: all.podPidsLimit,
    thresholds: parseThresholds(all, goDurationMs),
    evictionPressureTransitionMs: goDurationMs(all.evictionPressureTransitionPeriod),
    evictionMaxPodGraceSeconds: all.evictionMaxPodGracePeriod,
    imageGC: {
      highPercent: high,
      lowPercent: low,
      minimumAgeMs: goDurationMs(all.imageMinimumGCAge),
      maximumAgeMs: goDurationMs(all.imageMaximumGCAge),
    },
    containerLog: { maxBytes: wholeValue(all.containerLogMaxSize), maxFiles: all.containerLogMaxFiles },
    ulimits: Object.entries(all.defaultUlimits).map(([name, text]) => ulimit(name, text)),
    reserved: reservations(all.systemReserved, all.kubeReserved),
    crashLoopMaxMs: crashLoopMax(all.crashLoopBackOff?.maxContainerRestartPeriod),
    shutdownGracePeriods: shutdownGracePeriods(all),
    imageVerification: imageVerification(all),
    memoryQos: memoryQos(all),
  };
}

function memorySwap({ swapBehavior = 'NoSwap' }: { swapBehavior?: string } = {}) {
  if (!['NoSwap', 'LimitedSwap'].includes(swapBehavior))
    throw new Error(
      `invalid configuration: memorySwap.swapBehavior ${JSON.stringify(swapBehavior)} must be one of: NoSwap, LimitedSwap`,
    );
  return { swapBehavior };
}

function imageVerification(
  all: Required<
    Pick<KubeletConfigurationFile, 'imagePullCredentialsVerificationPolicy' | 'preloadedImagesVerificationAllowlist'>
  >,
): Verification {
  const { imagePullCredentialsVerificationPolicy: wanted, preloadedImagesVerificationAllowlist: allowlist } = all;
  const policy = verificationPolicies.find((one) => one === wanted);
  if (!policy)
    throw new Error(
      `invalid configuration: imagePullCredentialsVerificationPolicy ${JSON.stringify(wanted)} must be one of: ${verificationPolicies.join(', ')}`,
    );
  if (allowlist.length > 0 && policy !== 'NeverVerifyAllowlistedImages')
    throw new Error(
      'invalid configuration: can\'t set preloadedImagesVerificationAllowlist if imagePullCredentialsVerificationPolicy is not "NeverVerifyAllowlistedImages"',
    );
  return { policy, allowlist };
}

function memoryQos(all: Required<Pick<KubeletConfigurationFile, MemoryFields>>): MemoryQos | undefined {
  const { featureGates, memoryThrottlingFactor: factor, memoryReservationPolicy: policy } = all;
  const enabled = featureGates.MemoryQoS === true;
  if (factor <= 0 || factor > 1)
    throw new Error(
      `invalid configuration: memoryThrottlingFactor ${factor} must be greater than 0 and less than or equal to 1.0`,
    );
  if (!['None', 'TieredReservation'].includes(policy))
    throw new Error(
      `invalid configuration: memoryReservationPolicy ${JSON.stringify(policy)} must be one of: None, TieredReservation`,
    );
  if (policy !== 'None' && !enabled)
    throw new Error(`invalid configuration: memoryReservationPolicy ${policy} requires feature gate MemoryQoS`);
  return enabled ? { throttlingFactor: factor, reserves: policy !== 'None' } : undefined;
}

type MemoryFields = 'featureGates' | 'memoryThrottlingFactor' | 'memoryReservationPolicy';

/** KEP-4603: from a second to five minutes. */
function crashLoopMax(text = '5m0s'): number {
  const ms = goDurationMs(text);
  if (ms < 1000 || ms > 300_000)
    throw new Error(
      `invalid configuration: crashLoopBackOff.maxContainerRestartPeriod ${text} must be from 1s to 300s`,
    );
  return ms;
}

/** kubelet nodeshutdown migrateConfig: two periods are a list of two priorities. */
function shutdownGracePeriods(
  all: Required<
    Pick<
      KubeletConfigurationFile,
      'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods' | 'shutdownGracePeriodByPodPriority'
    >
  >,
): ShutdownGracePeriod[] {
  if (all.shutdownGracePeriodByPodPriority.length > 0)
    return all.shutdownGracePeriodByPodPriority.toSorted((a, b) => a.priority - b.priority);
  const [total, critical] = [all.shutdownGracePeriod, all.shutdownGracePeriodCriticalPods].map(goDurationMs) as [
    number,
    number,
  ];
  if (critical > total)
    throw new Error(
      `invalid configuration: shutdownGracePeriodCriticalPods ${all.shutdownGracePeriodCriticalPods} must be <= shutdownGracePeriod ${all.shutdownGracePeriod}`,
    );
  if (total === 0) return [];
  return [
    { priority: 0, shutdownGracePeriodSeconds: (total - critical) / 1000 },
    { priority: systemCriticalPriority, shutdownGracePeriodSeconds: critical / 1000 },
  ];
}

/** Names of setrlimit(2), as docker's --default-ulimit has them. */
const ulimitNames = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** 'SOFT:HARD', or one number for both. */
function ulimit(name: string, text: string): Ulimit {
  const [soft, hard = soft] = String(text).split(':').map(Number);
  const valid =
    ulimitNames.has(name) && [soft, hard].every((value) => Number.isSafeInteger(value) && Number(value) >= 0);
  if (!valid || Number(soft) > Number(hard))
    throw new Error(
      `invalid configuration: defaultUlimits ${name}=${text} must be NAME=SOFT:HARD with a name of setrlimit(2)`,
    );
  return { name, soft: Number(soft), hard: Number(hard) };
}

function reservations(...maps: Record<string, string>[]): KubeletConfiguration['reserved'] {
  const sum = { cpu: 0, memory: 0, 'ephemeral-storage': 0 };
  for (const [name, amount] of maps.flatMap((map) => Object.entries(map))) {
    const known = reservable.find((one) => one === name);
    // Of processes only the eviction threshold is kept free.
    if (!known && name !== 'pid') throw new Error(`invalid configuration: cannot reserve "${name}" resource`);
    const value = quantityValue(amount);
    if (value < 0) throw new Error(`invalid configuration: reservation of ${name} ${amount} must not be negative`);
    if (known) sum[known] += value;
  }
  return sum;
}
