import type { Pod } from '../api/generated/core-v1.ts';
import type { Bandwidth } from '../network/network.ts';
import { quantityValue } from './quantity.ts';

const annotations = { ingress: 'kubernetes.io/ingress-bandwidth', egress: 'kubernetes.io/egress-bandwidth' } as const;
const leastBits = 1000;
const mostBits = 1e15;

/** The rates in bits per second that a Pod's annotations ask for (pkg/util/bandwidth ExtractPodBandwidthResources). Pure. */
export function podBandwidth({ metadata }: Pod): Bandwidth {
  const bandwidth: Bandwidth = {};
  for (const direction of ['ingress', 'egress'] as const) {
    const text = metadata.annotations?.[annotations[direction]];
    if (text === undefined) continue;
    const bits = quantityValue(text);
    const about = `annotation ${annotations[direction]} "${text}"`;
    if (bits < leastBits) throw new Error(`${about}: resource is unreasonably small (< 1kbit)`);
    if (bits > mostBits) throw new Error(`${about}: resource is unreasonably large (> 1Pbit)`);
    bandwidth[direction] = Math.floor(bits);
  }
  return bandwidth;
}
