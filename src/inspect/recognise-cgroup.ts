/** Whose a cgroup is, as its path tells. */
export interface CgroupOwner {
  container?: {
    id: string;
    runtime: ContainerRuntime;
    /** Vitrine's cluster, for its own containers. */
    cluster?: string;
    /** Of a Kubernetes Pod, whatever its runtime. */
    podUid?: string;
  };
  /** The container's monitor rather than the container (conmon, lxc-monitor). */
  monitorOf?: string;
  /** The systemd unit: 'ssh.service', 'session-2.scope'; the innermost one. */
  unit?: string;
  /** 'snap firefox', 'flatpak org.gimp.GIMP'. */
  package?: string;
}

export type ContainerRuntime =
  | 'vitrine'
  | 'docker'
  | 'containerd'
  | 'cri-o'
  | 'podman'
  | 'buildah'
  | 'lxc'
  | 'nspawn'
  | 'kubernetes';

type Rule = [pattern: RegExp, owner: (groups: Record<string, string | undefined>) => CgroupOwner];

const id = '(?<id>[0-9a-f]{64})';

/**
 * The first rule whose pattern is found decides. Patterns that can be nested (kind runs a kubelet inside a docker
 * container) are matched at the end of the path, so the innermost owner wins. Sources: moby daemon/oci_linux.go, cri
 * sandbox and container cgroup paths (containerd internal/cri, cri-o internal/config/cgmgr), libpod cgroup parents,
 * lxc src/lxc/cgroups, systemd.unit(5), snapd cgroup names, flatpak common/flatpak-run.c.
 */
const rules: Rule[] = [
  [
    /^\/vitrine-(?<cluster>[^/]+)(?:\/nodes\/[^/]+)?\/kubepods\/(?:[^/]+\/)?pod(?<uid>[^/]+)\/(?<id>[^/]+)(?:\/|$)/,
    ({ cluster, uid, id }) => ({ container: { id: id!, runtime: 'vitrine', cluster: cluster!, podUid: uid! } }),
  ],
  [
    new RegExp(
      `\\bpod(?<uid>[0-9a-f]{8}[-_0-9a-f]{24,})(?:\\.slice)?/(?<prefix>cri-containerd-|crio-|docker-)${id}(?:\\.scope)?(?:/[^/]+)*$`,
    ),
    ({ uid, prefix, id }) => ({
      container: { id: id!, runtime: runtimeOf[prefix!]!, podUid: uid!.replaceAll('_', '-') },
    }),
  ],
  [
    // cgroupfs driver: containerd and docker name the cgroup by the id alone.
    new RegExp(`\\bpod(?<uid>[0-9a-f]{8}[-_0-9a-f]{24,})(?:\\.slice)?/${id}(?:/[^/]+)*$`),
    ({ uid, id }) => ({ container: { id: id!, runtime: 'kubernetes', podUid: uid!.replaceAll('_', '-') } }),
  ],
  [new RegExp(`(?:crio|libpod)-conmon-${id}`), ({ id }) => ({ monitorOf: id! })],
  [
    new RegExp(`(?<prefix>docker-|libpod-|buildah-|nerdctl-|crio-|cri-containerd-)${id}(?:\\.scope)?(?:/[^/]+)*$`),
    ({ prefix, id }) => ({ container: { id: id!, runtime: runtimeOf[prefix!]! } }),
  ],
  [new RegExp(`/docker/(?:buildkit/)?${id}(?:/[^/]+)*$`), ({ id }) => ({ container: { id: id!, runtime: 'docker' } })],
  [
    // containerd's own clients (ctr, nerdctl with cgroupfs): /<namespace>/<id>.
    /^\/(?:default|k8s\.io|moby)\/(?<id>[A-Za-z0-9][\w.-]*)$/,
    ({ id }) => ({ container: { id: id!, runtime: 'containerd' } }),
  ],
  [/\/lxc\.monitor[./](?<id>[^/]+)/, ({ id }) => ({ monitorOf: id! })],
  [/\/lxc(?:\.payload[./]|\/)(?<id>[^/]+)/, ({ id }) => ({ container: { id: id!, runtime: 'lxc' } })],
  [
    /\/(?:machine-(?<id>[^/]+)\.scope|systemd-nspawn@(?<unit>[^/]+)\.service)(?:\/|$)/,
    ({ id, unit }) => ({ container: { id: unescapeUnit((id ?? unit)!), runtime: 'nspawn' } }),
  ],
  [
    /\/(?<unit>snap\.(?<snap>[^./]+)[^/]*\.(?:service|scope))(?:\/|$)/,
    ({ unit, snap }) => ({ unit: unit!, package: `snap ${snap}` }),
  ],
  [
    /\/(?<unit>app-flatpak-(?<app>[^/]+)-\d+\.scope)(?:\/|$)/,
    ({ unit, app }) => ({ unit: unit!, package: `flatpak ${unescapeUnit(app!)}` }),
  ],
];

const runtimeOf: Record<string, ContainerRuntime> = {
  'cri-containerd-': 'containerd',
  'nerdctl-': 'containerd',
  'crio-': 'cri-o',
  'docker-': 'docker',
  'libpod-': 'podman',
  'buildah-': 'buildah',
};

/** `tasks`: containers that a shim of containerd is known to watch, by '/namespace/id' and by id. */
export function recogniseCgroup(cgroup: string, tasks: ReadonlyMap<string, ContainerRuntime> = new Map()): CgroupOwner {
  for (const [pattern, owner] of rules) {
    const match = pattern.exec(cgroup);
    if (match) return withUnit(owner(match.groups ?? {}), cgroup);
  }
  const parts = cgroup.split('/').slice(1);
  const usual = tasks.get(`/${parts[0]}/${parts[1]}`);
  if (usual) return { container: { id: parts[1]!, runtime: usual } };
  const id = parts.findLast((part) => tasks.has(part));
  return withUnit(id ? { container: { id, runtime: tasks.get(id)! } } : {}, cgroup);
}

/** The innermost service, scope, socket, mount; else the slice. */
function withUnit(owner: CgroupOwner, cgroup: string): CgroupOwner {
  if (owner.unit) return owner;
  const parts = cgroup.split('/');
  const unit =
    parts.findLast((part) => /\.(service|scope|socket|mount|swap)$/.test(part)) ??
    parts.findLast((part) => part.endsWith('.slice'));
  return unit ? { ...owner, unit: unescapeUnit(unit) } : owner;
}

/** systemd.unit(5): '\x2d' stands for '-'. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * The cgroup that says whose a process is: v2's where it has the controllers; else systemd's own hierarchy, then the
 * one that limits memory, then any that is not the root.
 */
export function primaryCgroup(cgroups: Record<string, string>): string {
  const inOrder = [cgroups[''], cgroups['name=systemd'], cgroups.memory, cgroups.pids, ...Object.values(cgroups)];
  return inOrder.find((cgroup) => cgroup !== undefined && cgroup !== '/') ?? '/';
}
