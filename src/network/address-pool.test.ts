import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { AddressPool } from './address-pool.ts';

function inDirectory(fn: (file: string) => void): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-pool-'));
  try {
    fn(path.join(directory, 'addresses'));
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

test('an id keeps its address over a restart, and a line cut short by a crash is nothing', () =>
  inDirectory((file) => {
    const pool = new AddressPool('10.64.0.0/16', file);
    assert.deepEqual(
      [pool.allocate('a'), pool.allocate('b'), pool.allocate('a')],
      ['10.64.0.2', '10.64.0.3', '10.64.0.2'],
    );
    pool.free('a');
    fs.appendFileSync(file, '+ c 10.64.0');
    const again = new AddressPool('10.64.0.0/16', file);
    assert.deepEqual([again.get('a'), again.get('b'), again.get('c')], [undefined, '10.64.0.3', undefined]);
    assert.equal(again.allocate('d'), '10.64.0.4', 'a freed address rests');
  }));

test('a full range is an error, and a freed address is found again', () =>
  inDirectory((file) => {
    const pool = new AddressPool('10.64.0.0/29', file);
    for (const id of ['a', 'b', 'c', 'd', 'e']) pool.allocate(id);
    assert.throws(() => pool.allocate('f'), /no free address/);
    pool.free('c');
    assert.equal(pool.allocate('f'), '10.64.0.4');
  }));
