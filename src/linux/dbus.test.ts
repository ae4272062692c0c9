import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { DbusConnection } from './dbus.ts';

test('a bus that never answers the greeting is given up', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bus-'));
  const bus = net.createServer().listen(path.join(directory, 'socket'));
  t.after(() => {
    bus.close();
    fs.rmSync(directory, { recursive: true });
  });
  await once(bus, 'listening');
  const accepted = once(bus, 'connection');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const opened = assert.rejects(
    DbusConnection.open(path.join(directory, 'socket'), () => {}),
    /no answer within 5000 ms/,
  );
  const [socket] = (await accepted) as [net.Socket];
  const [greeting] = await once(socket, 'data');
  assert.match(String(greeting), /^\0AUTH EXTERNAL [0-9a-f]+\r\n$/);
  const ended = once(socket.resume(), 'end');
  t.mock.timers.tick(5000);
  await opened;
  await ended;
});
