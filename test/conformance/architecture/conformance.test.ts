import assert from 'node:assert/strict';
import { CoreV1Api } from '@kubernetes/client-node';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const suite = useConformanceCluster({ up: '--nodes 2' });

conformance('[sig-architecture] Conformance Tests should have at least two untainted nodes', async () => {
  const { items } = await suite.config.makeApiClient(CoreV1Api).listNode();
  const usable = items.filter(({ spec, status }) => {
    const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
    const unavailable = status?.conditions?.some(
      ({ type, status: is }) => type === 'NetworkUnavailable' && is === 'True',
    );
    return ready && !unavailable && !spec?.unschedulable && (spec?.taints ?? []).length === 0;
  });
  assert.ok(usable.length >= 2, `Conformance requires at least two nodes, ${usable.length} can be used`);
});
