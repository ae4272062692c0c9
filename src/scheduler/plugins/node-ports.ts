import type { NodeInfo } from '../cluster-snapshot.ts';
import type { Plugin } from '../plugin.ts';
import { hostPortsOf } from '../resources.ts';

export const nodePorts: Plugin<string[]> = {
  name: 'NodePorts',
  prepare: hostPortsOf,
  filter: (_pod, info, ports) =>
    ports.some((port) => isTaken(info, port)) ? ["node(s) didn't have free ports for the requested pod ports"] : [],
};

/** 0.0.0.0 clashes with every address. */
function isTaken(info: NodeInfo, wanted: string): boolean {
  const [protocol, ip, port] = wanted.split('/');
  for (const used of info.ports.keys()) {
    const [usedProtocol, usedIp, usedPort] = used.split('/');
    if (usedProtocol === protocol && usedPort === port && (ip === '0.0.0.0' || usedIp === '0.0.0.0' || usedIp === ip))
      return true;
  }
  return false;
}
