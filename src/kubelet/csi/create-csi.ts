import path from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import type { Linux } from '../../linux/linux.ts';
import type { ClusterPaths } from '../../paths.ts';
import { CsiDrivers } from './csi-drivers.ts';
import { KubeletDirectory } from './kubelet-directory.ts';
import { NodeRegistration } from './node-registration.ts';

interface Parts {
  client: Client;
  clock: Clock;
  linux: Linux;
  log: Logger;
  nodeName: string;
  paths: ClusterPaths;
}

/** The drivers of a node and the directory in which they are found. Nothing happens before `csiDrivers.start`. */
export function createCsi({ client, clock, linux, log, nodeName, paths }: Parts, registered: () => void) {
  const kubeletDirectory = new KubeletDirectory(path.join(paths.state, 'kubelet'), linux);
  const node = new NodeRegistration(client, nodeName);
  const csiDrivers = new CsiDrivers({ directory: kubeletDirectory, node, clock, log: log.child('csi') }, registered);
  return { kubeletDirectory, csiDrivers };
}
