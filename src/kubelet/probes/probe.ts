import type { Container as ContainerDef } from '../../api/generated/core-v1.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';
/** 'error': the probe could not be made; it counts for nothing. 'warning': a success that people should know about. */
export type ProbeResult = { success: boolean; output: string; error?: boolean; warning?: boolean };

/** A port by number or by its name in the container (pkg/probe/util.go ResolveContainerPort). */
export function resolvePort(port: number | string, container: ContainerDef): number {
  if (typeof port === 'number' || /^\d+$/.test(port)) return Number(port);
  const named = container.ports?.find(({ name }) => name === port);
  if (!named) throw new Error(`couldn't find port: ${port} in ${container.name}`);
  return named.containerPort;
}

/** Go's words for a failed dial: what users know from the Unhealthy Event. */
export function dialError(error: NodeJS.ErrnoException, address: string): string {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
  };
  const reason = reasons[error.code ?? ''];
  if (error.code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`;
  if (error.code === 'ENOTFOUND') return `dial tcp: lookup ${address.replace(/:\d+$/, '')}: no such host`;
  return reason ? `dial tcp ${address}: ${reason}` : error.message;
}

export const joinHostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
