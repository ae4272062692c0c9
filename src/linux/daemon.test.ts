import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { settled, startTimeOf } from './daemon.ts';

test('a process that was killed is waited for until its sockets are free; one that lives is told at once', async (context) => {
  const script = `
    const memory = Buffer.alloc(300 << 20, 1);
    require('node:net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    context.after(() => child.kill('SIGKILL'));
    const [text] = await once(child.stdout, 'data');
    const daemon = { pid: child.pid ?? 0, startTime: startTimeOf(child.pid ?? 0) ?? 0 };
    assert.deepEqual(await settled(daemon), daemon);
    child.kill('SIGKILL');
    assert.equal(await settled(daemon), undefined);
    const server = net.createServer().listen(Number(text), '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
  assert.equal(await settled(undefined), undefined);
});
