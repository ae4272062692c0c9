import { kubeletFlags } from '../src/kubelet-config.ts';

/** The kubelet's flags as options of a command. */
export const kubeletOptions = Object.fromEntries(
  Object.keys(kubeletFlags).map((flag) => [flag, { type: 'string' as const }]),
);

/** A line for each. */
export const kubeletHelp = Object.entries(kubeletFlags)
  .map(([flag, { help }]) => `  --${flag.padEnd(37)} ${help}`)
  .join('\n');
