import type { Nftables } from '../linux/linux.ts';

/** The chain that iptables-nft(8) keeps for FORWARD; Docker sets its policy to drop, firewalls do too. */
const chain = 'ip filter FORWARD';

/**
 * A packet must pass every table: where another program drops all that it does not know, Pods need a word in its chain. Only
 * chains of nftables are reached, not those of the legacy iptables.
 */
export async function allowForwarding(nft: Nftables, linkPrefix: string): Promise<void> {
  const rules = await listChain(nft);
  if (!/policy drop/.test(rules) || ruleHandles(rules, linkPrefix).length > 0) return;
  const ways = ['iifname', 'oifname'].map(
    (way) => `insert rule ${chain} ${way} "${linkPrefix}*" accept comment "${commentOf(linkPrefix)}"\n`,
  );
  await nft.apply(ways.join(''));
}

/** Takes our rules out again. */
export async function disallowForwarding(nft: Nftables, linkPrefix: string): Promise<void> {
  const handles = ruleHandles(await listChain(nft), linkPrefix);
  if (handles.length > 0) await nft.apply(handles.map((handle) => `delete rule ${chain} handle ${handle}\n`).join(''));
}

async function listChain(nft: Nftables): Promise<string> {
  return nft.list(`list chain ${chain}`).catch(() => '');
}

const commentOf = (linkPrefix: string) => `vitrine ${linkPrefix}`;

/** Handles of the rules with our comment in the output of a list command. */
export function ruleHandles(list: string, linkPrefix: string): string[] {
  const ours = list.split('\n').filter((line) => line.includes(`comment "${commentOf(linkPrefix)}"`));
  return ours.flatMap((line) => /# handle (\d+)/.exec(line)?.[1] ?? []);
}
