import fs from 'node:fs';
import { UserError } from '../src/base/errors.ts';
import { errorChain } from '../src/base/log.ts';
import { removeFromKubeconfig } from '../src/client/kubeconfig.ts';
import { stopCluster } from '../src/cluster.ts';
import { clusterNames } from '../src/cluster-config.ts';
import { deleteDatastore } from '../src/datastore.ts';
import { clusterState } from '../src/launch.ts';
import { contextName } from './access.ts';
import type { Command } from './command.ts';

export const command: Command = {
  options: { images: { type: 'boolean' } },
  help: `
Stops the cluster as 'vitrine down' does, and removes its data, its logs and its kubeconfig context.

  --images   remove the image store, too; it is shared, so only when no other cluster is left

example:
  vitrine delete --images`,
  run: async ({ name, values, out }) => {
    const { paths, config, joined } = clusterState(name);
    const left = [paths.state, paths.run, paths.logs].some((dir) => fs.existsSync(dir));
    if (!config && !left && !values.images) throw new UserError(`there is no cluster "${name}"`);
    out.progress(`deleting cluster "${name}" …`);
    await stopCluster(name, { onProgress: out.progress, force: true });
    if (config?.datastore) {
      const { endpoints, prefix } = config.datastore;
      await deleteDatastore(config.datastore).catch((error: unknown) =>
        out.note(`its objects stay in etcd (${endpoints.join()}, ${prefix}): ${errorChain(error)}`),
      );
    }
    for (const dir of [paths.state, paths.run, paths.logs]) fs.rmSync(dir, { recursive: true, force: true });
    if (name === 'default') removePodLogs(paths.podLogs);
    await removeFromKubeconfig(undefined, contextName(name));
    out.line(
      joined && !config
        ? `node "${joined.nodeName}" has left; 'kubectl delete node ${joined.nodeName}' tells the cluster at ${joined.server}`
        : `cluster "${name}" is deleted`,
    );
    if (!values.images) return 0;
    const others = clusterNames(paths);
    if (others.length > 0) throw new UserError(`the image store stays: cluster "${others.join('", "')}" uses it`);
    fs.rmSync(paths.images, { recursive: true, force: true });
    out.line('the image store is removed');
    return 0;
  },
};

/** Logs in the kubelet's shared place: the folder may belong to another kubelet, too. */
function removePodLogs(dir: string): void {
  if (!fs.existsSync(dir)) return;
  for (const pod of fs.readdirSync(dir)) fs.rmSync(`${dir}/${pod}`, { recursive: true, force: true });
  fs.rmdirSync(dir);
}
