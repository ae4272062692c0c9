import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { openSqliteStore } from './sqlite.ts';
import { storeSuite } from './store.suite.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'store-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const newFile = () => path.join(directory, `${++files}.db`);

storeSuite('sqlite', () => openSqliteStore({ file: newFile() }));
