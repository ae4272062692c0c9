import type { NodeContext } from '../node-context.ts';

/** GET /configz: the settings in force, as a KubeletConfiguration. */
export function configz(node: NodeContext, port: number): object {
  return {
    kubeletconfig: {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      enableServer: true,
      address: node.nodeAddress,
      port,
      authentication: {
        x509: {},
        webhook: { enabled: true, cacheTTL: '2m0s' },
        anonymous: { enabled: false },
      },
      authorization: { mode: 'Webhook', webhook: { cacheAuthorizedTTL: '5m0s', cacheUnauthorizedTTL: '30s' } },
      clusterDomain: node.clusterDomain,
      clusterDNS: [node.dnsServiceIp],
      cgroupRoot: node.paths.cgroup,
      ...node.configuration.settings,
      enableDebuggingHandlers: true,
      enableSystemLogHandler: true,
      podLogsDir: node.paths.podLogs,
    },
  };
}
