import type { Plugin } from './plugin.ts';
import { allPlugins } from './plugins/all.ts';

export const defaultSchedulerName = 'default-scheduler';

/** How Pods with one schedulerName are scheduled. */
export interface Profile {
  plugins: Plugin[];
  /** Whether less important Pods have to go for others. */
  preempts: boolean;
}

/** By schedulerName. */
export type Profiles = ReadonlyMap<string, Profile>;

export const defaultProfiles: Profiles = new Map([[defaultSchedulerName, { plugins: allPlugins, preempts: true }]]);

interface PluginSet {
  enabled?: { name: string; weight?: number }[];
  disabled?: { name: string }[];
}

interface ProfileConfig {
  schedulerName?: string;
  plugins?: Record<string, PluginSet>;
  pluginConfig?: unknown[];
}

const preemption = 'DefaultPreemption';
/** Plugins of kube-scheduler that are no rule of their own here; they may be named, to no effect but preemption's. */
const others = [
  ...['PrioritySort', 'SchedulingGates', 'DefaultBinder', 'VolumeZone', preemption],
  ...['NodeDeclaredFeatures', 'GangScheduling'],
];
const known = new Map<string, Plugin | undefined>([
  ...others.map((name): [string, undefined] => [name, undefined]),
  ...allPlugins.map((plugin): [string, Plugin] => [plugin.name, plugin]),
]);
const points = new Set([
  ...['multiPoint', 'preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore', 'score', 'reserve'],
  ...['permit', 'preBind', 'bind', 'postBind', 'placementGenerate', 'placementScore'],
]);
/** What may be set, but changes nothing: every node is looked at, and the scheduler is part of the server. */
const ignored = [
  ...['parallelism', 'leaderElection', 'clientConnection', 'enableProfiling', 'enableContentionProfiling'],
  ...['percentageOfNodesToScore', 'podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'delayCacheUntilActive'],
];

/** What a KubeSchedulerConfiguration says of profiles; throws an Error that says what is wrong with it. */
export function parseSchedulerConfiguration(value: unknown): Profiles {
  const apiVersion = 'kubescheduler.config.k8s.io/v1';
  const config = (value ?? {}) as Record<string, unknown>;
  if (config.kind !== 'KubeSchedulerConfiguration' || config.apiVersion !== apiVersion)
    throw new Error(`must be a KubeSchedulerConfiguration of ${apiVersion}`);
  for (const field of Object.keys(config)) {
    if (field === 'extenders') throw new Error('extenders: not supported');
    if (!['kind', 'apiVersion', 'profiles', ...ignored].includes(field)) throw new Error(`unknown field "${field}"`);
  }
  const list = (config.profiles ?? [{}]) as ProfileConfig[];
  if (!Array.isArray(list) || list.length === 0) throw new Error('profiles: Required value');
  const profiles = new Map<string, Profile>();
  for (const [i, one] of list.entries()) {
    const path = `profiles[${i}]`;
    const name = one.schedulerName || (list.length === 1 ? defaultSchedulerName : '');
    if (!name) throw new Error(`${path}.schedulerName: Required value`);
    if (profiles.has(name)) throw new Error(`${path}.schedulerName: Duplicate value: ${JSON.stringify(name)}`);
    if (one.pluginConfig?.length) throw new Error(`${path}.pluginConfig: not supported`);
    profiles.set(name, profileOf(one.plugins ?? {}, `${path}.plugins`));
  }
  return profiles;
}

function profileOf(sets: Record<string, PluginSet>, path: string): Profile {
  for (const [point, set] of Object.entries(sets)) {
    if (!points.has(point)) throw new Error(`${path}.${point}: no such extension point`);
    for (const list of ['enabled', 'disabled'] as const)
      for (const [i, { name }] of (set?.[list] ?? []).entries())
        if (!known.has(name) && !(list === 'disabled' && name === '*'))
          throw new Error(`${path}.${point}.${list}[${i}]: no plugin named ${JSON.stringify(name)}`);
  }
  const everywhere = merged([...known.keys()], sets.multiPoint);
  const at = (point: string) => merged(everywhere, sets[point]);
  const [preFilter, filter, score] = [at('preFilter'), at('filter'), at('score')];
  const weights = new Map(
    [sets.multiPoint, sets.score].flatMap((set) =>
      (set?.enabled ?? []).flatMap(({ name, weight }): [string, number][] => (weight ? [[name, weight]] : [])),
    ),
  );
  const plugins = [...new Set([...everywhere, ...preFilter, ...filter, ...score])].flatMap((name): Plugin[] => {
    const plugin = known.get(name);
    if (!plugin) return [];
    const kept: Plugin = { ...plugin, weight: weights.get(name) ?? plugin.weight ?? 1 };
    if (!preFilter.includes(name)) delete kept.refuse;
    if (!filter.includes(name)) delete kept.filter;
    if (!score.includes(name)) delete kept.score;
    return [kept];
  });
  return { plugins, preempts: at('postFilter').includes(preemption) };
}

/** The given plugins without the disabled ones, and then the enabled ones (apis/config/v1/default_plugins.go). */
function merged(names: readonly string[], { enabled = [], disabled = [] }: PluginSet = {}): string[] {
  const without = new Set(disabled.map(({ name }) => name));
  const kept = without.has('*') ? [] : names.filter((name) => !without.has(name));
  return [...new Set([...kept, ...enabled.map(({ name }) => name)])];
}
