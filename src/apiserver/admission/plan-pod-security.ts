import type { Container, Pod, SecurityContext } from '../../api/generated/core-v1.ts';

export interface Violation {
  rule: string;
  detail: string;
}

type Check = (pod: Pod, containers: Container[]) => Violation | undefined;

/** What the baseline standard forbids in this Pod (k8s.io/pod-security-admission/policy). */
export function baselineViolations(pod: Pod): Violation[] {
  return run(baseline, pod);
}

export function restrictedViolations(pod: Pod): Violation[] {
  return run([...baseline.filter((check) => !replaced.has(check)), ...restricted], pod);
}

function run(checks: Check[], pod: Pod): Violation[] {
  const spec = pod.spec!;
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ];
  return checks.flatMap((check) => check(pod, containers) ?? []);
}

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

const procMount: Check = (_, containers) =>
  offending(
    'procMount',
    containers,
    (context) => context?.procMount !== undefined && context.procMount !== 'Default',
    'must not set securityContext.procMount to "Unmasked"',
  );

const seLinuxTypes = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);

const seLinuxOptions: Check = ({ spec }, containers) => {
  const all = [spec?.securityContext, ...containers.map((container) => container.securityContext)];
  const bad = all.filter(
    (context) =>
      !seLinuxTypes.has(context?.seLinuxOptions?.type ?? '') ||
      context?.seLinuxOptions?.user ||
      context?.seLinuxOptions?.role,
  );
  if (bad.length === 0) return undefined;
  return { rule: 'seLinuxOptions', detail: 'pod or container must not set user, role or an unusual type' };
};

const unconfinedSeccomp: Check = ({ spec }, containers) => {
  if (spec?.securityContext?.seccompProfile?.type === 'Unconfined') {
    return { rule: 'seccompProfile', detail: 'pod must not set securityContext.seccompProfile.type to "Unconfined"' };
  }
  return offending(
    'seccompProfile',
    containers,
    (context) => context?.seccompProfile?.type === 'Unconfined',
    'must not set securityContext.seccompProfile.type to "Unconfined"',
  );
};

const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

const sysctls: Check = ({ spec }) => {
  const bad = (spec?.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !safeSysctls.has(name));
  return bad.length > 0 ? { rule: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
};

const unconfinedAppArmor: Check = ({ spec }, containers) => {
  if (spec?.securityContext?.appArmorProfile?.type === 'Unconfined') {
    return {
      rule: 'forbidden AppArmor profile',
      detail: 'pod must not set AppArmor profile type to "Unconfined"',
    };
  }
  return offending(
    'forbidden AppArmor profile',
    containers,
    (context) => context?.appArmorProfile?.type === 'Unconfined',
    'must not set AppArmor profile type to "Unconfined"',
  );
};

const baseline: Check[] = [
  hostNamespaces,
  privileged,
  baselineCapabilities,
  hostPath,
  hostPorts,
  procMount,
  seLinuxOptions,
  unconfinedSeccomp,
  sysctls,
  unconfinedAppArmor,
];
/** The restricted standard has stricter forms of these. */
const replaced = new Set<Check>([baselineCapabilities, unconfinedSeccomp, hostPath]);

const privilegeEscalation: Check = (_, containers) =>
  offending(
    'allowPrivilegeEscalation != false',
    containers,
    (context) => context?.allowPrivilegeEscalation !== false,
    'must set securityContext.allowPrivilegeEscalation=false',
  );

const restrictedCapabilities: Check = (_, containers) => {
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

const nonRoot: Check = ({ spec }, containers) => {
  const podSays = spec?.securityContext?.runAsNonRoot;
  const bad = containers.filter(({ securityContext }) => (securityContext?.runAsNonRoot ?? podSays) !== true);
  if (bad.length === 0) return undefined;
  const subject = podSays === false ? 'pod' : `pod or ${who(bad)}`;
  return { rule: 'runAsNonRoot != true', detail: `${subject} must set securityContext.runAsNonRoot=true` };
};

const notUserZero: Check = ({ spec }, containers) => {
  if (spec?.securityContext?.runAsUser === 0) return { rule: 'runAsUser=0', detail: 'pod must not set runAsUser=0' };
  return offending('runAsUser=0', containers, (context) => context?.runAsUser === 0, 'must not set runAsUser=0');
};

const requiredSeccomp: Check = ({ spec }, containers) => {
  const good = new Set<string | undefined>(['RuntimeDefault', 'Localhost']);
  const podType = spec?.securityContext?.seccompProfile?.type;
  const bad = containers.filter(({ securityContext }) => !good.has(securityContext?.seccompProfile?.type ?? podType));
  if (bad.length === 0) return undefined;
  return {
    rule: 'seccompProfile',
    detail: `pod or ${who(bad)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};

const restricted: Check[] = [
  privilegeEscalation,
  restrictedCapabilities,
  volumeTypes,
  nonRoot,
  notUserZero,
  requiredSeccomp,
];
