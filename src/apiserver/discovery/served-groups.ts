import type { ResourceInfo } from '../../api/resource.ts';
import { groupOrder } from './names.ts';

/** A resource as discovery shows it; custom resources bring their names along. */
export interface DiscoverableResource extends ResourceInfo {
  names?: { singular?: string; shortNames?: string[]; categories?: string[] };
}

export interface ServedVersion {
  version: string;
  resources: DiscoverableResource[];
  /** Its extension server did not answer when it was last asked: these are what it served before, if anything. */
  stale: boolean;
}

/** A version that an extension server answers for, whether or not it has resources. */
export interface ExtensionVersion {
  group: string;
  version: string;
  stale: boolean;
}

export interface ServedGroup {
  group: string;
  /** The preferred one first. */
  versions: ServedVersion[];
}

/** The served resources by group and version, in the order in which clients prefer them. The core group comes first. */
export function servedGroups(
  resources: readonly DiscoverableResource[],
  extensions: readonly ExtensionVersion[] = [],
): ServedGroup[] {
  const groups = new Map<string, Map<string, DiscoverableResource[]>>();
  for (const { group, version } of extensions) {
    const versions = groups.get(group) ?? new Map<string, DiscoverableResource[]>();
    groups.set(group, versions.set(version, []));
  }
  for (const resource of resources) {
    const versions = groups.get(resource.group) ?? new Map<string, DiscoverableResource[]>();
    groups.set(resource.group, versions);
    const list = versions.get(resource.version);
    if (list) list.push(resource);
    else versions.set(resource.version, [resource]);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([group, versions]) => ({
      group,
      versions: [...versions.entries()]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, list]) => ({
          version,
          resources: list.sort((a, b) => (a.resource < b.resource ? -1 : 1)),
          stale: extensions.some((one) => one.stale && one.group === group && one.version === version),
        })),
    }));
}

function rank(group: string): number {
  if (group === '') return -1;
  const index = groupOrder.indexOf(group);
  return index < 0 ? groupOrder.length : index;
}

/** Stable before beta before alpha, newer before older (apimachinery pkg/version CompareKubeAwareVersionStrings). */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [parse(a), parse(b)];
  if (!one || !other) return one ? -1 : other ? 1 : a < b ? -1 : 1;
  return other.stage - one.stage || other.major - one.major || other.minor - one.minor;
}

function parse(version: string): { major: number; stage: number; minor: number } | undefined {
  const [, major, stage, minor] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  if (!major) return undefined;
  return { major: Number(major), stage: stage === 'alpha' ? 0 : stage === 'beta' ? 1 : 2, minor: Number(minor ?? 0) };
}
