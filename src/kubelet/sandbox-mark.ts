import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PodNetwork } from '../network/network.ts';
import type { ClusterPaths } from '../paths.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { podUidOf } from './labels.ts';

/** Last of what makes a sandbox: its network and the Pod's files are there. `run` is the Pod's directory. */
export function markComplete(run: string, sandboxId: string): void {
  writeFileSync(path.join(run, 'sandbox'), sandboxId);
}

/** Removes the sandboxes that were being made when the last node process died; their Pods get others. */
export async function removeIncompleteSandboxes(
  runtime: Runtime,
  network: PodNetwork,
  paths: ClusterPaths,
): Promise<void> {
  for (const { spec } of runtime.sandboxes()) {
    if (readMark(path.join(paths.run, 'kubelet/pods', podUidOf(spec.labels))) === spec.id) continue;
    await network.detach(spec.id);
    await runtime.removeSandbox(spec.id);
  }
}

function readMark(run: string): string | undefined {
  try {
    return readFileSync(path.join(run, 'sandbox'), 'utf8');
  } catch {
    return undefined;
  }
}
