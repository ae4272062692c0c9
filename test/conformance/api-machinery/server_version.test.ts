import assert from 'node:assert/strict';
import { after } from 'node:test';
import { VersionApi } from '@kubernetes/client-node';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';

const { cluster, config } = await startConformanceCluster();
after(() => cluster.delete());

conformance('[sig-api-machinery] server version should find the server version', async () => {
  const version = await config.makeApiClient(VersionApi).getCode();
  assert.match(version.major, /^[1-9]$/);
  assert.match(version.minor, /^[0-9]+$/);
});
