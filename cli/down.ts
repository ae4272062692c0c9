import { UserError } from '../src/base/errors.ts';
import { stopCluster } from '../src/cluster.ts';
import { clusterState } from '../src/launch.ts';
import type { Command } from './command.ts';
import { formatDuration } from './output.ts';

export const command: Command = {
  help: `
Stops the cluster: its Pods, its processes, its links, routes, mounts, cgroups and nftables table. Objects and
images stay; 'vitrine up' brings all of it back.

example:
  vitrine down --name ci`,
  run: async ({ name, out }) => {
    const { config, joined } = clusterState(name);
    if (!config && !joined) throw new UserError(`there is no cluster "${name}"`);
    const began = performance.now();
    out.progress(`stopping cluster "${name}" …`);
    const stopped = await stopCluster(name, { onProgress: out.progress });
    const pods = stopped.sandboxes === 1 ? '1 Pod' : `${stopped.sandboxes} Pods`;
    out.line(
      `cluster "${name}" is stopped (${pods}) in ${formatDuration(performance.now() - began)}; 'vitrine up' resumes it`,
    );
    return 0;
  },
};
