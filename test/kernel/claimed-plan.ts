import { otherClusters, rangesOf } from '../../src/cluster-config.ts';
import { readHostRoutes } from '../../src/linux/proc-routes.ts';
import { claim, readClaims } from '../../src/machine-claims.ts';
import { withMachineLock } from '../../src/machine-lock.ts';
import type { AddressPlan } from '../../src/network/address-plan.ts';
import { chooseAddresses } from '../../src/network/choose-addresses.ts';
import { clusterPaths } from '../../src/paths.ts';

/** Addresses that no cluster of this machine has, nor one that is made while the test runs. */
export function claimedPlan(name: string): Promise<AddressPlan> {
  return withMachineLock('choose addresses', async () => {
    const claimed = readClaims().flatMap(({ ranges }) => ranges.map((destination) => ({ destination })));
    const others = otherClusters(clusterPaths(name)).map(({ plan }) => plan);
    const plan = chooseAddresses(name, [...readHostRoutes(), ...claimed], others);
    await claim({ owner: name, hostLink: plan.hostLink, apiPort: 0, ranges: rangesOf(plan) });
    return plan;
  });
}
