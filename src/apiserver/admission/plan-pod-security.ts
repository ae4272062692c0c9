import type { Container, Pod, SecurityContext } from '../../api/generated/core-v1.ts';

export interface Violation {
  rule: string;
  detail: string;
}

/** `minor`: of the version of the standard, 1.`minor`; Infinity is the latest. */
type Check = (pod: Pod, containers: Container[], minor: number) => Violation | undefined;

interface VersionedCheck {
  check: Check;
  /** From which version of the standard on. @default 0 */
  since?: number;
  /** Of the baseline standard, of which this one is a stricter form. */
  instead?: Check;
}

/** What a version of a standard forbids in this Pod (k8s.io/pod-security-admission/policy). */
export function standardViolations(pod: Pod, level: 'baseline' | 'restricted', minor: number): Violation[] {
  const current = ({ since = 0 }: VersionedCheck) => since <= minor;
  const strict = level === 'restricted' ? restricted.filter(current) : [];
  const checks = baseline.filter((one) => current(one) && !strict.some(({ instead }) => instead === one.check));
  const spec = pod.spec!;
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ];
  return [...checks, ...strict].flatMap(({ check }) => check(pod, containers, minor) ?? []);
}

const sorted = (values: string[]) => [...new Set(values)].sort();
const quoted = (names: string[]) => names.map((name) => JSON.stringify(name)).join(', ');

/** 'container "a"' or 'containers "a", "b"', with a verb that agrees. */
function who(containers: Container[]): string {
  return `${containers.length === 1 ? 'container' : 'containers'} ${quoted(containers.map(({ name }) => name))}`;
}

const offending = (
  rule: string,
  containers: Container[],
  bad: (context: SecurityContext | undefined, container: Container) => boolean,
  detail: string,
): Violation | undefined => {
  const found = containers.filter((container) => bad(container.securityContext, container));
  return found.length > 0 ? { rule, detail: `${who(found)} ${detail}` } : undefined;
};

/** 'pod and containers "a", "b"': who sets something, the Pod as a whole or some of its containers. */
function setters(pod: Pod, containers: Container[], bad: (context: SecurityContext) => boolean): string {
  const isBad = (context: object | undefined) => context !== undefined && bad(context as SecurityContext);
  const found = containers.filter(({ securityContext }) => isBad(securityContext));
  return [...(isBad(pod.spec?.securityContext) ? ['pod'] : []), ...(found.length > 0 ? [who(found)] : [])].join(
    ' and ',
  );
}

/** Every value of a field of the Pod's and its containers' contexts. */
function valuesOf<T>({ spec }: Pod, containers: Container[], value: (context: SecurityContext) => T | undefined): T[] {
  const contexts = [spec?.securityContext, ...containers.map(({ securityContext }) => securityContext)];
  return contexts.flatMap((context) => (context && value(context as SecurityContext)) ?? []);
}

/** Who is root in a user namespace of its own is nobody outside (KEP-127); the standards have known it since 1.35. */
const hasOwnUsers = ({ spec }: Pod, minor: number) => minor >= 35 && spec?.hostUsers === false;
/** What Windows does not have is not asked of it since 1.25. */
const isWindows = ({ spec }: Pod, minor: number) => minor >= 25 && spec?.os?.name === 'windows';

const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec?.[field]);
  return used.length > 0
    ? { rule: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') }
    : undefined;
};

const privileged: Check = (_, containers) =>
  offending(
    'privileged',
    containers,
    (context) => context?.privileged === true,
    'must not set securityContext.privileged=true',
  );

const allowedCapabilities = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

const baselineCapabilities: Check = (_, containers) => {
  const bad = (container: Container) =>
    container.securityContext?.capabilities?.add?.filter((one) => !allowedCapabilities.has(one)) ?? [];
  const found = containers.filter((container) => bad(container).length > 0);
  if (found.length === 0) return undefined;
  const names = [...new Set(found.flatMap(bad))].sort();
  return {
    rule: 'non-default capabilities',
    detail: `${who(found)} must not include ${quoted(names)} in securityContext.capabilities.add`,
  };
};

const hostPath: Check = ({ spec }) => {
  const names = (spec?.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { rule: 'hostPath volumes', detail: `${names.length === 1 ? 'volume' : 'volumes'} ${quoted(names)}` };
};

const hostPorts: Check = (_, containers) => {
  const found = containers.filter((container) => container.ports?.some(({ hostPort }) => hostPort));
  if (found.length === 0) return undefined;
  const ports = found.flatMap((container) => container.ports!.flatMap(({ hostPort }) => hostPort || []));
  const plural = ports.length === 1 ? 'hostPort' : 'hostPorts';
  const verb = found.length === 1 ? 'uses' : 'use';
  return { rule: 'hostPort', detail: `${who(found)} ${verb} ${plural} ${ports.join(', ')}` };
};

const procMount: Check = (pod, containers, minor) =>
  hasOwnUsers(pod, minor) ? undefined : maskedProcMount(pod, containers, minor);

const maskedProcMount: Check = (_, containers) => {
  const isBad = (mount: string | undefined) => mount !== undefined && mount !== 'Default';
  const bad = containers.flatMap(({ securityContext }) => securityContext?.procMount ?? []).filter(isBad);
  const detail = `must not set securityContext.procMount to ${quoted(sorted(bad))}`;
  return offending('procMount', containers, (context) => isBad(context?.procMount), detail);
};

const hostProcess: Check = (pod, containers) => {
  const who = setters(pod, containers, ({ windowsOptions }) => windowsOptions?.hostProcess === true);
  if (!who) return undefined;
  return { rule: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
};

const seLinuxTypes = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t']);

const seLinuxOptions: Check = (pod, containers, minor) => {
  const badType = (type = '') => !seLinuxTypes.has(type) && !(type === 'container_engine_t' && minor >= 31);
  const who = setters(pod, containers, ({ seLinuxOptions: options }) =>
    Boolean(options && (badType(options.type) || options.user || options.role)),
  );
  if (!who) return undefined;
  const options = valuesOf(pod, containers, (context) => context.seLinuxOptions);
  const types = sorted(options.flatMap(({ type }) => type ?? []).filter(badType));
  const data = [
    ...(types.length > 0 ? [`${types.length === 1 ? 'type' : 'types'} ${quoted(types)}`] : []),
    ...(options.some(({ user }) => user) ? ['user may not be set'] : []),
    ...(options.some(({ role }) => role) ? ['role may not be set'] : []),
  ];
  return { rule: 'seLinuxOptions', detail: `${who} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}` };
};

/** A type of seccomp profile that somebody names and that is not among the good ones. */
function badSeccomp(pod: Pod, containers: Container[], isBad: (type: string) => boolean): Violation | undefined {
  const typeOf = (context: SecurityContext) => context.seccompProfile?.type;
  const who = setters(pod, containers, (context) => Boolean(context.seccompProfile && isBad(typeOf(context)!)));
  if (!who) return undefined;
  const values = sorted(valuesOf(pod, containers, typeOf).filter(isBad));
  return {
    rule: 'seccompProfile',
    detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
}

const unconfinedSeccomp: Check = (pod, containers, minor) =>
  minor < 19 ? seccompAnnotations(pod, containers) : badSeccomp(pod, containers, (type) => type === 'Unconfined');

const seccompAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerSeccompAnnotation = 'container.seccomp.security.alpha.kubernetes.io/';

/** Before there were fields for it. */
function seccompAnnotations({ metadata: { annotations = {} } }: Pod, containers: Container[]): Violation | undefined {
  const keys = [seccompAnnotation, ...containers.map(({ name }) => containerSeccompAnnotation + name)];
  const bad = keys.filter(
    (key) =>
      annotations[key] !== undefined && !/^(runtime\/default$|docker\/default$|localhost\/)/.test(annotations[key]),
  );
  if (bad.length === 0) return undefined;
  const shown = sorted(bad.map((key) => `${key}=${JSON.stringify(annotations[key])}`)).join(', ');
  return { rule: 'seccompProfile', detail: `forbidden ${bad.length === 1 ? 'annotation' : 'annotations'} ${shown}` };
}

/** By the version from which on they are thought to be safe. */
const safeSysctls: Record<string, number> = {
  'kernel.shm_rmid_forced': 0,
  'net.ipv4.ip_local_port_range': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.ipv4.tcp_syncookies': 0,
  'net.ipv4.ping_group_range': 0,
  'net.ipv4.ip_local_reserved_ports': 27,
  'net.ipv4.tcp_keepalive_time': 29,
  'net.ipv4.tcp_fin_timeout': 29,
  'net.ipv4.tcp_keepalive_intvl': 29,
  'net.ipv4.tcp_keepalive_probes': 29,
  'net.ipv4.tcp_rmem': 32,
  'net.ipv4.tcp_wmem': 32,
};

const sysctls: Check = ({ spec }, _, minor) => {
  const isSafe = (name: string) => Object.hasOwn(safeSysctls, name) && safeSysctls[name]! <= minor;
  const bad = (spec?.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !isSafe(name));
  return bad.length > 0 ? { rule: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
};

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

const unconfinedAppArmor: Check = (pod, containers) => {
  const who = setters(pod, containers, ({ appArmorProfile }) => appArmorProfile?.type === 'Unconfined');
  const annotations = Object.entries(pod.metadata.annotations ?? {}).filter(
    ([key, value]) => key.startsWith(appArmorAnnotation) && !/^($|runtime\/default$|localhost\/)/.test(value),
  );
  const noun = annotations.length === 1 ? 'annotation' : 'annotations';
  const named = annotations.length > 0 ? `${noun} ${quoted(annotations.map(([key]) => key).sort())}` : '';
  if (!who && !named) return undefined;
  const values = sorted([...(who ? ['Unconfined'] : []), ...annotations.map(([, value]) => value)]);
  return {
    rule: values.length === 1 ? 'forbidden AppArmor profile' : 'forbidden AppArmor profiles',
    detail: `${[who, named].filter(Boolean).join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const hostProbes: Check = (_, containers) => {
  const hosts = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
      .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
      .filter((host): host is string => Boolean(host));
  const found = containers.filter((container) => hosts(container).length > 0);
  if (found.length === 0) return undefined;
  const all = sorted(found.flatMap(hosts));
  const [verb, noun] = [found.length === 1 ? 'uses' : 'use', all.length === 1 ? 'host' : 'hosts'];
  return { rule: 'probe or lifecycle host', detail: `${who(found)} ${verb} probe or lifecycle ${noun} ${quoted(all)}` };
};

const baseline: VersionedCheck[] = [
  { check: hostNamespaces },
  { check: privileged },
  { check: baselineCapabilities },
  { check: hostPath },
  { check: hostPorts },
  { check: procMount },
  { check: seLinuxOptions },
  { check: unconfinedSeccomp },
  { check: sysctls },
  { check: unconfinedAppArmor },
  { check: hostProcess },
  { check: hostProbes, since: 34 },
];

const privilegeEscalation: Check = (pod, containers, minor) =>
  isWindows(pod, minor)
    ? undefined
    : offending(
        'allowPrivilegeEscalation != false',
        containers,
        (context) => context?.allowPrivilegeEscalation !== false,
        'must set securityContext.allowPrivilegeEscalation=false',
      );

const restrictedCapabilities: Check = (pod, containers, minor) => {
  if (isWindows(pod, minor)) return undefined;
  const notDropping = containers.filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
  const extra = (container: Container) =>
    container.securityContext?.capabilities?.add?.filter((one) => one !== 'NET_BIND_SERVICE') ?? [];
  const adding = containers.filter((container) => extra(container).length > 0);
  const details = [];
  if (notDropping.length > 0) details.push(`${who(notDropping)} must set securityContext.capabilities.drop=["ALL"]`);
  if (adding.length > 0) {
    const names = [...new Set(adding.flatMap(extra))].sort();
    details.push(`${who(adding)} must not include ${quoted(names)} in securityContext.capabilities.add`);
  }
  return details.length > 0 ? { rule: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
};

const allowedVolumes = new Set([
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const volumeTypes: Check = ({ spec }) => {
  const kindOf = (volume: object) => Object.keys(volume).find((key) => !allowedVolumes.has(key));
  const bad = (spec?.volumes ?? []).filter(kindOf);
  if (bad.length === 0) return undefined;
  const kinds = [...new Set(bad.map((volume) => kindOf(volume)!))].sort();
  const [noun, verb] = bad.length === 1 ? ['volume', 'uses'] : ['volumes', 'use'];
  return {
    rule: 'restricted volume types',
    detail: `${noun} ${quoted(bad.map(({ name }) => name))} ${verb} restricted volume type ${quoted(kinds)}`,
  };
};

const nonRoot: Check = (pod, containers, minor) => {
  if (hasOwnUsers(pod, minor)) return undefined;
  const rule = 'runAsNonRoot != true';
  const setting = setters(pod, containers, ({ runAsNonRoot }) => runAsNonRoot === false);
  if (setting) return { rule, detail: `${setting} must not set securityContext.runAsNonRoot=false` };
  if (pod.spec?.securityContext?.runAsNonRoot) return undefined;
  const silent = containers.filter(({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  if (silent.length === 0) return undefined;
  return { rule, detail: `pod or ${who(silent)} must set securityContext.runAsNonRoot=true` };
};

const notUserZero: Check = (pod, containers, minor) => {
  if (hasOwnUsers(pod, minor)) return undefined;
  const who = setters(pod, containers, ({ runAsUser }) => runAsUser === 0);
  return who ? { rule: 'runAsUser=0', detail: `${who} must not set runAsUser=0` } : undefined;
};

const requiredSeccomp: Check = (pod, containers, minor) => {
  if (isWindows(pod, minor)) return undefined;
  const wrong = badSeccomp(pod, containers, (type) => type !== 'RuntimeDefault' && type !== 'Localhost');
  if (wrong) return wrong;
  if (pod.spec?.securityContext?.seccompProfile) return undefined;
  const silent = containers.filter(({ securityContext }) => !securityContext?.seccompProfile);
  if (silent.length === 0) return undefined;
  return {
    rule: 'seccompProfile',
    detail: `pod or ${who(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

const restricted: VersionedCheck[] = [
  { check: privilegeEscalation, since: 8 },
  { check: restrictedCapabilities, since: 22, instead: baselineCapabilities },
  { check: volumeTypes, instead: hostPath },
  { check: nonRoot },
  { check: notUserZero, since: 23 },
  { check: requiredSeccomp, since: 19, instead: unconfinedSeccomp },
  { check: maskedProcMount, since: 35, instead: procMount },
];
