import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { overlaps } from './base/cidr.ts';
import { ensureClusterConfig } from './cluster-config.ts';
import { clusterPaths } from './paths.ts';

test('clusters that are made at once, with their state in different places, share neither port nor addresses', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-config-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const pathsOf = (root: string, name: string) => clusterPaths(`${name}-${process.pid}`, path.join(dir, root));
  const [one, other, third] = await Promise.all(
    ['a', 'b', 'c'].map((name) => ensureClusterConfig(pathsOf(name, name))),
  );
  assert.equal(new Set([one, other, third].map((config) => config?.apiPort)).size, 3);
  const ranges = [one, other, third].map((config) => config!.plan.podCidr.replace('/16', '/15'));
  assert.ok(
    !overlaps(ranges[0]!, ranges[1]!) && !overlaps(ranges[1]!, ranges[2]!) && !overlaps(ranges[0]!, ranges[2]!),
  );

  // What they have is theirs when they come back.
  assert.deepEqual(await ensureClusterConfig(pathsOf('a', 'a')), one);

  // One that slept while others took its place.
  const late = pathsOf('d', 'd');
  fs.mkdirSync(late.state, { recursive: true });
  const hostLink = `vt-d-${process.pid}`;
  const config = { ...one, name: late.name, apiPort: one!.apiPort + 900, plan: { ...one!.plan, hostLink } };
  fs.writeFileSync(path.join(late.state, 'cluster.json'), JSON.stringify(config));
  await assert.rejects(ensureClusterConfig(late), {
    message: new RegExp(`^the addresses ${one!.plan.podCidr} of clus`),
  });

  await assert.rejects(ensureClusterConfig(pathsOf('e', 'b')), {
    message: `another cluster "b-${process.pid}", with its state elsewhere, runs on this machine`,
  });
  assert.ok(!fs.existsSync(pathsOf('e', 'b').state));
});
