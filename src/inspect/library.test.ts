import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '../..');

test('what the package exports is built, from a source that is there', () => {
  const { exports } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string; default: string }>;
  };
  const build = fs.readFileSync(path.join(root, 'tools/build.ts'), 'utf8');
  for (const [name, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const source = target.types.replace('./dist/types/', '').replace('.d.ts', '.ts');
    assert.ok(fs.existsSync(path.join(root, source)), `${name}: ${source}`);
    assert.ok(build.includes(`${path.basename(target.default, '.js')}: '${source}'`), `${name} is not built`);
  }
});

test('the exported modules say what they are for', async () => {
  assert.equal(typeof (await import('./snapshot.ts')).readSnapshot, 'function');
  assert.equal(typeof (await import('./survey/survey.ts')).takeSurvey, 'function');
});
