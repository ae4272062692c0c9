import { readText } from './read-text.ts';

/** Traffic of one network interface since it was made. */
export interface InterfaceUse {
  name: string;
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  txDropped: number;
}

/** The interfaces that a process sees, without loopback; none when it is gone. */
export function readNetworkUse(pid: number | 'self'): InterfaceUse[] {
  try {
    return parseNetDev(readText(`/proc/${pid}/net/dev`)).filter(({ name }) => name !== 'lo');
  } catch {
    return [];
  }
}

/** /proc/PID/net/dev (proc_pid_net(5)): bytes, packets, errors, drops and four more received, then the same sent. */
export function parseNetDev(text: string): InterfaceUse[] {
  return text.split('\n').flatMap((line) => {
    const [, name, figures] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? [];
    if (!name || !figures) return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, ...rest] = figures
      .trim()
      .split(/\s+/)
      .map(Number);
    const [txPackets = 0, txErrors = 0, txDropped = 0] = rest;
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}
