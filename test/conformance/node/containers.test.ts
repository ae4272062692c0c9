import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { until } from '../../cluster/fixture/until.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { agnhost, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

describe('containers', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Containers should use the image defaults if command and args are blank [NodeConformance]',
    async () => {
      const namespace = await testNamespace(suite);
      await namespace.create(podOf('defaults', agnhost(undefined)));
      await namespace.untilRunning('defaults');
      await until('the default command has written "Paused"', async () =>
        (await namespace.logs('defaults')).includes('Paused'),
      );
    },
  );

  conformance(
    "[sig-node] Containers should be able to override the image's default arguments (container cmd) [NodeConformance]",
    async () => {
      const namespace = await testNamespace(suite);
      const output = await namespace.output(podOf('args', agnhost(['entrypoint-tester', 'override', 'arguments'])));
      assert.match(output, /\[\/testhost entrypoint-tester override arguments\]/);
    },
  );

  conformance(
    "[sig-node] Containers should be able to override the image's default command (container entrypoint) [NodeConformance]",
    async () => {
      const namespace = await testNamespace(suite);
      const container = agnhost(['entrypoint-tester'], { command: ['/testhost-2'] });
      assert.match(await namespace.output(podOf('command', container)), /\[\/testhost-2 entrypoint-tester\]/);
    },
  );

  conformance(
    "[sig-node] Containers should be able to override the image's default command and arguments [NodeConformance]",
    async () => {
      const namespace = await testNamespace(suite);
      const container = agnhost(['entrypoint-tester', 'override', 'arguments'], { command: ['/testhost-2'] });
      const output = await namespace.output(podOf('both', container));
      assert.match(output, /\[\/testhost-2 entrypoint-tester override arguments\]/);
    },
  );
});
