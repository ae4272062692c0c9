import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { commands } from '../../cli/commands.ts';
import { root, sourceFiles } from './source-files.ts';

const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');

test('every folder of src/ says in a README what it is', () => {
  const missing = fs
    .readdirSync(path.join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !fs.existsSync(path.join(root, 'src', entry.name, 'README.md')))
    .map((entry) => `src/${entry.name}/README.md`);
  assert.deepEqual(missing, []);
});

test('src/README.md names every folder', () => {
  const text = read('src/README.md');
  const missing = fs
    .readdirSync(path.join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !text.includes(`${entry.name}/`));
  assert.deepEqual(missing, []);
});

test('every file that a document links to is there', () => {
  const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return [];
      return fs.existsSync(path.join(root, path.dirname(document), target)) ? [] : [`${document} → ${target}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('every command has a help text that shows how it is used', async () => {
  for (const [name, entry] of Object.entries(commands)) {
    const { command } = await entry.load();
    assert.ok(command.help.trim().length > 60, `${name} says too little`);
  }
});

test('the README tells of every command', () => {
  const text = read('README.md');
  assert.deepEqual(
    Object.keys(commands).filter((name) => !text.includes(`vitrine ${name}`)),
    [],
  );
});

test('no source file exports a default or is called utils', () => {
  const offences = sourceFiles('src', 'cli').filter(
    (file) => /\/(utils?|helpers?|index)\.ts$/.test(file) || /^export default/m.test(fs.readFileSync(file, 'utf8')),
  );
  assert.deepEqual(offences, []);
});

test('the manifests of the demo are valid YAML with the names that the demo waits for', async () => {
  const { parse } = await import('yaml');
  const deployment = parse(read('examples/httpd-deployment.yaml'));
  const service = parse(read('examples/httpd-loadbalancer.yaml'));
  assert.equal(deployment.metadata.name, 'httpd-deployment');
  assert.equal(deployment.spec.replicas, 100);
  assert.equal(service.spec.type, 'LoadBalancer');
  assert.deepEqual(service.spec.selector, deployment.spec.selector.matchLabels);
});
