import { rm } from 'node:fs/promises';
import type { Container } from '../runtime/runtime.ts';
import { containerNameOf, messageFileOf } from './labels.ts';
import type { NodeContext } from './node-context.ts';
import type { PodRecord } from './pod-record.ts';

/** Removes a container that has ended, with its log and last words. */
export async function removeContainer(node: NodeContext, record: PodRecord, container: Container): Promise<void> {
  const { id, logPath } = container;
  record.dropContainer(containerNameOf(container), id);
  await node.runtime.removeContainer(id);
  await Promise.all([rm(logPath, { force: true }), rm(messageFileOf(container) || logPath, { force: true })]);
}
