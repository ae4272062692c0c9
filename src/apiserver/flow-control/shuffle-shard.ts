import { createHash } from 'node:crypto';

/**
 * The queues that a flow may use: a hand dealt from the deck of all queues by the flow's name, so that two flows seldom
 * share their whole hand (KEP-1040, apiserver pkg/util/shufflesharding).
 */
export function dealHand(flow: string, queues: number, handSize: number): number[] {
  let entropy = createHash('sha256').update(flow).digest().readBigUInt64BE(0);
  const hand: number[] = [];
  for (let left = queues; hand.length < Math.min(handSize, queues); left--) {
    // The entropy's next digit in the base of the cards left names one of them.
    let card = Number(entropy % BigInt(left));
    entropy /= BigInt(left);
    for (const dealt of [...hand].sort((a, b) => a - b)) if (card >= dealt) card++;
    hand.push(card);
  }
  return hand;
}
