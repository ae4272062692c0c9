import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, sourceFiles } from './source-files.ts';

/** Which folder of src/ may import which others: the table of ARCHITECTURE.md. Folders not listed may import all. */
const allowed: Record<string, string[]> = {
  base: [],
  api: ['base'],
  store: ['base'],
  linux: ['base'],
  client: ['api', 'base'],
  apiserver: ['store', 'api', 'base'],
  controllers: ['client', 'api', 'base'],
  scheduler: ['client', 'api', 'base'],
  runtime: ['linux', 'base'],
  network: ['client', 'api', 'linux', 'base'],
  kubelet: ['runtime', 'network', 'client', 'api', 'linux', 'base'],
  inspect: ['runtime', 'linux', 'client', 'api', 'base'],
};

/** Of these folders, some may import only the file that holds the interface. */
const interfaceOnly: Record<string, Record<string, string[]>> = {
  kubelet: { runtime: ['runtime.ts'], network: ['network.ts', 'address-plan.ts'] },
  inspect: { runtime: ['runtime.ts'] },
};

/** Paths at the root of src/ that every folder may import: names of places, not parts. */
const everywhere = ['paths.ts', 'version.ts'];

const importPattern = /(?:from|import)\s*\(?\s*'([^']+)'/g;

test('every folder imports only what the layer table allows', () => {
  const offences: string[] = [];
  for (const file of sourceFiles('src')) {
    const [folder, ...rest] = path.relative(path.join(root, 'src'), file).split(path.sep);
    const layers = allowed[folder ?? ''];
    if (!layers || rest.length === 0 || /\.(test|suite)\.ts$/.test(file)) continue;
    for (const [, specifier = ''] of fs.readFileSync(file, 'utf8').matchAll(importPattern)) {
      if (!specifier.startsWith('.')) continue;
      const target = path.relative(path.join(root, 'src'), path.resolve(path.dirname(file), specifier));
      const [to = '', ...inside] = target.split(path.sep);
      if (to === folder || everywhere.includes(target)) continue;
      const only = interfaceOnly[folder ?? '']?.[to];
      const ok = layers.includes(to) && (!only || only.includes(inside.join('/')));
      if (!ok)
        offences.push(
          `${path.relative(root, file)} imports ${target}; ${folder} may import: ${layers.join(', ') || 'nothing'}`,
        );
    }
  }
  assert.deepEqual(offences, []);
});

test('src/linux reads text by read-text.ts, as files of /proc and /sys must be', () => {
  const offences = sourceFiles('src/linux').filter(
    (file) =>
      !file.endsWith('.test.ts') &&
      /readFile(Sync)?\((?:[^()]|\([^()]*\))*, 'utf-?8'\)/.test(fs.readFileSync(file, 'utf8')),
  );
  assert.deepEqual(
    offences.map((file) => path.relative(root, file)),
    [],
  );
});

/** What only src/linux may use: the kernel's doors. Tests may do what they like. */
const kernelOnly = [/from 'node:child_process'/, /from 'koffi'/, /['"`]\/proc\//];

/** Names paths inside containers (those that are masked), and opens none. */
const onlyNames = ['src/runtime/oci-defaults.ts'];

test('only src/linux starts programs, calls the kernel and reads /proc', () => {
  const offences = sourceFiles('src', 'cli').flatMap((file) => {
    const name = path.relative(root, file);
    if (name.startsWith(`src${path.sep}linux`) || onlyNames.includes(name) || /\.(test|suite)\.ts$/.test(name))
      return [];
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    return lines.flatMap((line, i) =>
      kernelOnly.some((pattern) => pattern.test(line)) && !/^\s*(\*|\/\/|\/\*)/.test(line)
        ? [`${name}:${i + 1}: ${line.trim()}`]
        : [],
    );
  });
  assert.deepEqual(offences, []);
});

test('a plan decides and does nothing: no client, file system, timer or logger in plan-*.ts', () => {
  const doing =
    /from '(node:fs|node:child_process|.*client\/(client|rest|informers?)\.ts|.*base\/log\.ts)'|setTimeout\(|Date\.now\(/;
  const offences = sourceFiles('src')
    .filter((file) => /plan-[\w-]+\.ts$/.test(file) && !file.endsWith('.test.ts'))
    .filter((file) => doing.test(fs.readFileSync(file, 'utf8')))
    .map((file) => path.relative(root, file));
  assert.deepEqual(offences, []);
});
