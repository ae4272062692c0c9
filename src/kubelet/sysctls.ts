import type { PodSpec } from '../api/generated/core-v1.ts';

type Namespace = 'IPC' | 'Net';

/** What a Pod may set without the node's say: these concern its own namespaces alone (kubelet sysctl/safe_sysctls.go). */
const safe: Record<string, Namespace> = {
  'kernel.shm_rmid_forced': 'IPC',
  'net.ipv4.ip_local_port_range': 'Net',
  'net.ipv4.tcp_syncookies': 'Net',
  'net.ipv4.ping_group_range': 'Net',
  'net.ipv4.ip_unprivileged_port_start': 'Net',
  'net.ipv4.ip_local_reserved_ports': 'Net',
  'net.ipv4.tcp_keepalive_time': 'Net',
  'net.ipv4.tcp_fin_timeout': 'Net',
  'net.ipv4.tcp_keepalive_intvl': 'Net',
  'net.ipv4.tcp_keepalive_probes': 'Net',
  'net.ipv4.tcp_rmem': 'Net',
  'net.ipv4.tcp_wmem': 'Net',
};

/** The Pod's sysctls with dots; 'net/ipv4/tcp_syncookies' is another way to write them. */
export function podSysctls({ securityContext }: PodSpec): Record<string, string> {
  const list = securityContext?.sysctls ?? [];
  return Object.fromEntries(list.map(({ name, value }) => [withDots(name), value]));
}

/** In the form with slashes dots are part of names (sysctl.d(5)); the first separator decides. */
function withDots(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  return separator === '/' ? name.replace(/[./]/g, (one) => (one === '/' ? '.' : '/')) : name;
}

/** Which namespace the kernel keeps a sysctl in (kubelet sysctl/namespace.go). */
function namespaceOf(name: string): Namespace | undefined {
  if (name === 'kernel.sem' || /^(kernel\.(shm|msg)|fs\.mqueue\.)/.test(name)) return 'IPC';
  return name.startsWith('net.') ? 'Net' : undefined;
}

/** Whether a list like ['kernel.msg*', 'net.core.somaxconn'] holds a name. */
const listed = (list: readonly string[], name: string): boolean =>
  list.map(withDots).some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : one === name));

/** Why the Pod may not run with its sysctls; undefined if it may (kubelet sysctl/allowlist.go). Pure. */
export function forbiddenSysctl(spec: PodSpec, allowedUnsafe: readonly string[] = []): string | undefined {
  for (const name of Object.keys(podSysctls(spec))) {
    const namespace = safe[name] ?? (listed(allowedUnsafe, name) ? namespaceOf(name) : undefined);
    if (!namespace) return `forbidden sysctl: "${name}" not allowlisted`;
    const shared = namespace === 'IPC' ? spec.hostIPC : spec.hostNetwork;
    if (shared) return `forbidden sysctl: "${name}" not allowed with host ${namespace} enabled`;
  }
  return undefined;
}
