import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { HostPortTable, hostPortElements } from './host-ports.ts';

test('a host port is that of all addresses, or of the one that is named', () => {
  const script = hostPortElements('t', [
    { ip: '10.0.0.2', ports: [{ protocol: 'TCP', hostPort: 80, containerPort: 8080 }] },
    { ip: '10.0.0.3', ports: [{ protocol: 'UDP', hostPort: 80, hostIP: '127.0.0.1', containerPort: 53 }] },
    { ip: '10.0.0.4', ports: [{ protocol: 'TCP', hostPort: 80, hostIP: '0.0.0.0', containerPort: 1 }] },
  ]);
  assert.match(script, /add element ip t host-ports \{ tcp \. 80 : 10\.0\.0\.2 \. 8080 \}/);
  assert.match(script, /add element ip t host-address-ports \{ 127\.0\.0\.1 \. udp \. 80 : 10\.0\.0\.3 \. 53 \}/);
});

test('host ports outlive the agent, and go with their sandbox', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-host-ports-'));
  try {
    const file = path.join(directory, 'host-ports');
    new HostPortTable(file).set('a', '10.0.0.2', [{ protocol: 'UDP', hostPort: 80, containerPort: 53 }]);
    const table = new HostPortTable(file);
    assert.deepEqual(table.ids(), ['a']);
    assert.deepEqual(table.delete('a'), [{ protocol: 'udp', address: '10.0.0.2', port: 53 }]);
    assert.equal(table.delete('a'), undefined);
    assert.deepEqual(new HostPortTable(file).mappings(), []);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
