import { renderKubeconfig } from '../src/client/kubeconfig.ts';
import { clusterState } from '../src/launch.ts';
import { adminKubeconfig, noCluster } from './access.ts';
import type { Command } from './command.ts';

export const command: Command = {
  help: `
Prints a kubeconfig for the cluster's administrator, with certificate and key inside.

example:
  vitrine kubeconfig > vitrine.kubeconfig && KUBECONFIG=vitrine.kubeconfig kubectl get nodes`,
  run: async ({ name, out }) => {
    const { paths, config } = clusterState(name);
    if (!config) throw noCluster(name);
    out.line(renderKubeconfig(adminKubeconfig(paths, config)).trimEnd());
    return 0;
  },
};
