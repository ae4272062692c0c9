import { globSync } from 'node:fs';
import os from 'node:os';
import type { Node } from '../api/generated/core-v1.ts';
import { insideNetworkNamespace } from '../linux/enter-namespace.ts';
import { listRuleset } from '../linux/nftables.ts';
import { clusterPaths, nodePaths, nodePins } from '../paths.ts';
import type { Snapshot } from './snapshot.ts';

/** The file that pins a network namespace; '': the reader's own. */
type Network = string;

/** Reads what nftables does on each node of this machine, at most once in each network. */
export function rulesOfNodes(): Snapshot['readRules'] {
  const networkOf = remember(findNetwork);
  const rulesIn = remember((network: Network) => inside(network, listRuleset));
  return (node) => {
    const network = node ? networkOf(node) : '';
    return network === undefined ? undefined : rulesIn(network);
  };
}

/** The network that has the node's address: clusters have nodes of one name, but never of one address. */
function findNetwork({ metadata, status }: Node): Network | undefined {
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const hasAddress = () =>
    Object.values(os.networkInterfaces()).some((its) => its?.some((one) => one.address === address));
  if (hasAddress()) return '';
  const furtherNodes = globSync(nodePins(nodePaths(clusterPaths('*'), metadata.name)).net);
  return furtherNodes.find((network) => inside(network, hasAddress));
}

/** undefined where the reader may not enter, and of one that is gone. */
function inside<T>(network: Network, look: () => T): T | undefined {
  try {
    return network === '' ? look() : insideNetworkNamespace(network, look);
  } catch {
    return undefined;
  }
}

function remember<K, V>(read: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    if (!known.has(key)) known.set(key, read(key));
    return known.get(key) as V;
  };
}
