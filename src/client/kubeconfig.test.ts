import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { loadKubeconfig, mergeKubeconfig, removeFromKubeconfig, renderKubeconfig } from './kubeconfig.ts';
import { readKubeconfig } from './kubeconfig-file.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'kubeconfig-'));
after(() => rmSync(directory, { recursive: true }));

test('a merged context is loaded, others stay, and removal takes only its own', async () => {
  const file = path.join(directory, 'config');
  writeFileSync(
    file,
    `apiVersion: v1
kind: Config
current-context: other
preferences: {colors: true}
clusters: [{name: other, cluster: {server: 'https://other:1', extra: kept}}]
users: [{name: other, user: {tokenFile: token}}]
contexts: [{name: other, context: {cluster: other, user: other, namespace: team}}]
`,
    { mode: 0o600 },
  );
  writeFileSync(path.join(directory, 'token'), 'secret\n');
  const entry = { name: 'vitrine', server: 'https://127.0.0.1:6443', ca: 'PEM', cert: 'PEM', key: 'PEM' };
  await mergeKubeconfig(file, entry, true);
  await mergeKubeconfig(file, entry, true);
  const loaded = loadKubeconfig(file);
  assert.deepEqual(
    [loaded.context, loaded.server, loaded.ca, loaded.key, loaded.namespace],
    ['vitrine', 'https://127.0.0.1:6443', 'PEM', 'PEM', 'default'],
  );
  const other = loadKubeconfig(file, 'other');
  assert.equal(other.namespace, 'team');
  assert.equal((other.token as () => string)(), 'secret');
  assert.equal(statSync(file).mode & 0o777, 0o600);

  await removeFromKubeconfig(file, 'vitrine');
  const left = readKubeconfig(file)!;
  assert.deepEqual(
    left.contexts.map((one) => one.name),
    ['other'],
  );
  assert.deepEqual(left.clusters[0]?.cluster, { server: 'https://other:1', extra: 'kept' });
  assert.equal(left['current-context'], '');
});

test('a rendered kubeconfig holds its one context, and nothing that is undefined', () => {
  const text = renderKubeconfig({ name: 'v', server: 'https://h:1', token: 'secret' });
  assert.doesNotMatch(text, /null|undefined|certificate/);
  const file = path.join(directory, 'rendered');
  writeFileSync(file, text);
  assert.deepEqual([loadKubeconfig(file).context, loadKubeconfig(file).token], ['v', 'secret']);
});

test('a missing file or context is an error that says so', () => {
  assert.throws(() => loadKubeconfig(path.join(directory, 'none')), /no kubeconfig at .*none/);
  assert.throws(() => loadKubeconfig(path.join(directory, 'config'), 'nope'), /has no context nope/);
});
