import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { issue } from './apiserver/pki/certificate.ts';
import { newSigningRequest } from './apiserver/pki/signing-request.ts';
import { systemClock } from './base/clock.ts';
import { parseRequest } from './controllers/certificates/request.ts';
import { certificateLifeMs, nodeCertificates } from './node-certificates.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-node-'));
after(() => fs.rmSync(dir, { recursive: true }));

const dayMs = 24 * 60 * 60 * 1000;
const now = Date.now();
const authority = () => issue({ commonName: 'kubernetes', usage: 'ca', notBefore: now - dayMs, notAfter: now + dayMs });
const ca = authority();
const life = (file: 'kubelet' | 'kube-proxy', pem = ca.certificate) => certificateLifeMs(dir, file, pem, systemClock);

function write(file: string, notAfter: number): void {
  const issuer = { commonName: 'kubernetes', key: createPrivateKey(ca.key) };
  const made = issue({ commonName: 'system:node:n', usage: 'client', notBefore: now - dayMs, notAfter }, issuer);
  fs.writeFileSync(path.join(dir, `${file}.crt`), made.certificate);
  fs.writeFileSync(path.join(dir, `${file}.key`), made.key);
}

test('a certificate lasts as long as it says, if it is there and of the right CA', async () => {
  assert.equal(await life('kubelet'), 0);
  write('kubelet', now + dayMs);
  const left = await life('kubelet');
  assert.ok(left > dayMs - 60_000 && left <= dayMs, String(left));
  assert.equal(await life('kubelet', authority().certificate), 0);
  write('kube-proxy', now - 1000);
  assert.equal(await life('kube-proxy'), 0);
  fs.copyFileSync(path.join(dir, 'kubelet.crt'), path.join(dir, 'kube-proxy.crt'));
  assert.equal(await life('kube-proxy'), 0, 'a certificate of another key');
});

test('the request for a certificate says whose it is, and is signed with its own key', async () => {
  const { request } = newSigningRequest(nodeCertificates('n2', '10.65.192.2').kubelet);
  const { facts } = await parseRequest({ spec: { request: Buffer.from(request).toString('base64') } } as never);
  assert.deepEqual(facts, {
    commonName: 'system:node:n2',
    organizations: ['system:nodes'],
    dnsNames: ['n2'],
    addresses: ['10.65.192.2'],
    mailAddresses: [],
    urls: [],
    verified: true,
  });
});
