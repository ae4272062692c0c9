import type { Node } from '../../api/generated/core-v1.ts';
import { csiNodes } from '../../api/resource.ts';
import { hasReason } from '../../api/status-error.ts';
import type { Client } from '../../client/client.ts';

/** The node's list of CSI drivers, before any has registered (nodeinfomanager InitializeCSINodeWithAnnotation). */
export async function ensureCsiNode(client: Client, { metadata: { name, uid } }: Node): Promise<void> {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
  try {
    await client.create(csiNodes, { metadata: { name, ownerReferences }, spec: { drivers: [] } });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}
