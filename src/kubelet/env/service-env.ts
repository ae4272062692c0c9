import type { Service } from '../../api/generated/core-v1.ts';
import type { Lister } from '../../client/informer.ts';

/**
 * The Docker-style variables of the Services that a Pod may see: those of its namespace if it wants links, and always
 * `kubernetes` of the default namespace (kubelet_pods.go getServiceEnvVarMap, envvars/envvars.go FromServices).
 */
export function serviceEnv(services: Lister<Service>, namespace: string, links: boolean): Map<string, string> {
  const env = new Map<string, string>();
  const master = services.get('default/kubernetes');
  if (master) addService(env, master);
  if (links) for (const service of services.list(namespace)) addService(env, service);
  return env;
}

function addService(env: Map<string, string>, service: Service): void {
  const ip = service.spec?.clusterIP;
  const ports = service.spec?.ports ?? [];
  if (!ip || ip === 'None' || ports.length === 0) return;
  const name = variableName(service.metadata.name);
  env.set(`${name}_SERVICE_HOST`, ip);
  env.set(`${name}_SERVICE_PORT`, String(ports[0]?.port));
  for (const port of ports) {
    if (port.name) env.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
  }
  const address = ip.includes(':') ? `[${ip}]` : ip;
  ports.forEach((port, index) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${address}:${port.port}`;
    const prefix = `${name}_PORT_${port.port}_${protocol}`;
    if (index === 0) env.set(`${name}_PORT`, url);
    env.set(prefix, url);
    env.set(`${prefix}_PROTO`, protocol.toLowerCase());
    env.set(`${prefix}_PORT`, String(port.port));
    env.set(`${prefix}_ADDR`, ip);
  });
}

const variableName = (text: string): string => text.replaceAll('-', '_').toUpperCase();
