import assert from 'node:assert/strict';
import { after } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { startConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { testhost } from '../fixture/testhost-image.ts';

const { cluster } = await startConformanceCluster();
after(() => cluster.delete());

conformance('[sig-cli] Kubectl logs logs should be able to retrieve and filter logs', async () => {
  const space = await cluster.space('logs');
  await space.kubectl(
    `run logs-generator --image=${testhost} --restart=Never -- logs-generator --log-lines-total 100 --run-duration 10s`,
  );
  const logs = (...options: string[]) => space.kubectl(['logs', 'logs-generator', 'logs-generator', ...options]);
  await until('a line in the log', async () => /\/api\/v1\/namespaces\/kube-system/.test(await logs()));

  assert.match(await logs('--tail=1'), /^[^\n]+\n$/);
  assert.equal((await logs('--limit-bytes=1')).length, 1);
  assert.match(
    await logs('--tail=1', '--timestamps'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d) [^\n]+\n$/,
  );
  // The granularity is a second: only after two have some lines to be older than one.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const [recent, older] = [await logs('--since=1s'), await logs('--since=24h')];
  assert.ok(recent.split('\n').length < older.split('\n').length, `${recent}\n----\n${older}`);
});
