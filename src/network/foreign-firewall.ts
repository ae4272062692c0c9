import type { Nftables } from '../linux/linux.ts';

/**
 * The chains through which others' firewalls let pass only what they know, with the side of a link that each sees: those that
 * iptables-nft(8) keeps (Docker and ufw set their policies to drop), and those of firewalld(1), which end by refusing.
 */
const chains = [
  { chain: 'ip filter FORWARD', sides: ['iifname', 'oifname'] },
  { chain: 'ip filter INPUT', sides: ['iifname'] },
  { chain: 'inet firewalld filter_FORWARD', sides: ['iifname', 'oifname'] },
  { chain: 'inet firewalld filter_INPUT', sides: ['iifname'] },
] as const;

/**
 * A packet must pass every table: where another program drops all that it does not know, Pods need a word in its chains, to be
 * forwarded and to reach what the node itself serves: cluster DNS, the API. Only chains of nftables are reached, not those of
 * the legacy iptables.
 */
export async function allowLinks(nft: Nftables, linkPrefix: string): Promise<void> {
  const all = await Promise.all(
    chains.map(async ({ chain, sides }) => {
      const rules = await listChain(nft, chain);
      if (!isClosed(rules) || ruleHandles(rules, linkPrefix).length > 0) return [];
      return sides.map(
        (side) => `insert rule ${chain} ${side} "${linkPrefix}*" accept comment "${commentOf(linkPrefix)}"\n`,
      );
    }),
  );
  const inserts = all.flat();
  if (inserts.length > 0) await nft.apply(inserts.join(''));
}

/** Takes our rules out again. */
export async function disallowLinks(nft: Nftables, linkPrefix: string): Promise<void> {
  const all = await Promise.all(
    chains.map(async ({ chain }) =>
      ruleHandles(await listChain(nft, chain), linkPrefix).map((handle) => `delete rule ${chain} handle ${handle}\n`),
    ),
  );
  const deletes = all.flat();
  if (deletes.length > 0) await nft.apply(deletes.join(''));
}

async function listChain(nft: Nftables, chain: string): Promise<string> {
  return nft.list(`list chain ${chain}`).catch(() => '');
}

/** Whether what no rule of a chain accepts is dropped or refused: by its policy, or by a rule without a condition. */
function isClosed(list: string): boolean {
  return /policy drop/.test(list) || /^\s*(drop|reject)\b[^;]*$/m.test(list);
}

const commentOf = (linkPrefix: string) => `vitrine ${linkPrefix}`;

/** Handles of the rules with our comment in the output of a list command. */
export function ruleHandles(list: string, linkPrefix: string): string[] {
  const ours = list.split('\n').filter((line) => line.includes(`comment "${commentOf(linkPrefix)}"`));
  return ours.flatMap((line) => /# handle (\d+)/.exec(line)?.[1] ?? []);
}
