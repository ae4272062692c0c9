import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { FakeClock } from '../../base/clock.ts';
import { ensurePki } from './pki.ts';

const options = { names: ['box'], addresses: ['10.96.0.1', '10.1.2.3', 'fd00::1'], nodeName: 'box' };
const dayMs = 24 * 60 * 60 * 1000;

describe('the PKI of a cluster', () => {
  let dir: string;
  before(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), 'pki-'));
  });
  after(() => fs.rm(dir, { recursive: true }));

  it('is made once and read afterwards', async () => {
    const clock = new FakeClock(Date.now());
    const first = await ensurePki(dir, { ...options, clock });
    const second = await ensurePki(dir, { ...options, clock });
    const { issueClient: _a, ...one } = first;
    const { issueClient: _b, ...two } = second;
    assert.deepEqual(two, one);
    for (const file of await fs.readdir(dir)) {
      assert.equal((await fs.stat(path.join(dir, file))).mode & 0o777, 0o600, file);
      assert.ok(!file.endsWith('.tmp'));
    }
  });

  it('names users and groups in client certificates and addresses in server ones', async () => {
    const pki = await ensurePki(dir, { ...options, clock: new FakeClock(Date.now()) });
    const subject = (text: string) => new X509Certificate(text).subject;
    assert.equal(subject(pki.admin.certificate), 'O=system:masters\nCN=kubernetes-admin');
    assert.equal(subject(pki.kubeletClient.certificate), 'O=system:nodes\nCN=system:node:box');
    const server = new X509Certificate(pki.apiserver.certificate);
    for (const ip of ['127.0.0.1', '::1', ...options.addresses]) assert.ok(server.checkIP(ip), ip);
    assert.ok(server.checkHost('kubernetes.default.svc.cluster.local'));
    assert.ok(server.verify(new X509Certificate(pki.ca.certificate).publicKey));
  });

  it('renews leaves that are about to expire and keeps the CA', async () => {
    const clock = new FakeClock(Date.now());
    const before = await ensurePki(dir, { ...options, clock });
    clock.advance(340 * dayMs);
    const after = await ensurePki(dir, { ...options, clock });
    assert.equal(after.ca.certificate, before.ca.certificate);
    assert.equal(after.serviceAccountKey, before.serviceAccountKey);
    assert.notEqual(after.apiserver.certificate, before.apiserver.certificate);
  });

  it('keeps the CA when the clock is set back, however far, and issues leaves that are valid now', async () => {
    const clock = new FakeClock(Date.now());
    const before = await ensurePki(dir, { ...options, clock });
    clock.set(clock.now() - 3600 * 1000);
    assert.equal((await ensurePki(dir, { ...options, clock })).apiserver.certificate, before.apiserver.certificate);
    clock.set(clock.now() - 400 * dayMs);
    const after = await ensurePki(dir, { ...options, clock });
    assert.equal(after.ca.certificate, before.ca.certificate);
    assert.ok(new X509Certificate(after.apiserver.certificate).validFromDate.getTime() <= clock.now());
  });

  it('issues anew what is damaged and what lacks an address', async () => {
    const clock = new FakeClock(Date.now());
    const before = await ensurePki(dir, { ...options, clock });
    await fs.writeFile(path.join(dir, 'admin.crt'), 'torn');
    const after = await ensurePki(dir, { ...options, addresses: ['10.9.9.9'], clock });
    assert.notEqual(after.admin.certificate, before.admin.certificate);
    assert.ok(new X509Certificate(after.admin.certificate).checkPrivateKey(createPrivateKey(after.admin.key)));
    assert.ok(new X509Certificate(after.apiserver.certificate).checkIP('10.9.9.9'));
    assert.equal(after.scheduler.certificate, before.scheduler.certificate);
  });

  it('serves a mutual TLS handshake', async () => {
    const pki = await ensurePki(dir, { ...options, clock: new FakeClock(Date.now()) });
    const server = tls.createServer({
      cert: pki.apiserver.certificate,
      key: pki.apiserver.key,
      ca: pki.ca.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const peer = new Promise<string | undefined>((resolve) =>
      server.on('secureConnection', (socket) => {
        resolve(socket.getPeerCertificate().subject.CN?.toString());
        socket.end();
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as { port: number }).port;
    const client = tls.connect({
      host: '127.0.0.1',
      port,
      ca: pki.ca.certificate,
      cert: pki.admin.certificate,
      key: pki.admin.key,
    });
    client.on('error', () => {});
    assert.equal(await peer, 'kubernetes-admin');
    client.destroy();
    server.close();
  });
});
