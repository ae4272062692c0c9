import { readText } from './read-text.ts';

export interface HostRoute {
  /** '10.1.0.0/16'. */
  destination: string;
  link: string;
}

/** The IPv4 routes of the host, from /proc/net/route (proc_net(5)): cheap enough for a command that starts nothing else. */
export function readHostRoutes(file = '/proc/net/route'): HostRoute[] {
  const [, ...lines] = readText(file).trim().split('\n');
  return lines.map((line) => {
    const [link = '', destination = '', , , , , , mask = ''] = line.trim().split(/\s+/);
    return { destination: `${address(destination)}/${prefixLength(mask)}`, link };
  });
}

/** The kernel prints the bytes of an address in host order: little-endian on every machine we run on. */
function address(hex: string): string {
  return (hex.match(/../g) ?? [])
    .map((byte) => Number.parseInt(byte, 16))
    .reverse()
    .join('.');
}

function prefixLength(hex: string): number {
  return Number.parseInt(hex, 16).toString(2).replaceAll('0', '').length;
}
