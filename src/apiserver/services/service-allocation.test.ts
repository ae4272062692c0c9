import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startTestServer } from '../testing/start-server.ts';

const path = '/api/v1/namespaces/default/services';
const merge = { 'content-type': 'application/merge-patch+json' };
const service = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
});

describe('service allocation', () => {
  it('gives every Service its own ClusterIP, and takes it back on delete', async () => {
    const { call } = await startTestServer();
    const a = await call('POST', path, service('a', { clusterIP: '10.96.0.20' }));
    assert.deepEqual(a.body.spec.clusterIPs, ['10.96.0.20']);
    assert.deepEqual(a.body.spec.ipFamilies, ['IPv4']);
    const b = await call('POST', path, service('b', { clusterIP: '10.96.0.20' }));
    assert.equal(b.status, 422);
    assert.match(b.body.message, /failed to allocate IP 10\.96\.0\.20: provided IP is already allocated/);
    await call('DELETE', `${path}/a`);
    assert.equal((await call('POST', path, service('b', { clusterIP: '10.96.0.20' }))).status, 201);
    const c = await call('POST', path, service('c'));
    assert.match(c.body.spec.clusterIP, /^10\.96\.0\.\d+$/);
  });

  it('refuses addresses outside the range', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', path, service('a', { clusterIP: '10.97.0.1' }));
    assert.match(body.message, /not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/24/);
  });

  it('gives node ports, keeps them over updates, and drops them with the type', async () => {
    const { call } = await startTestServer();
    const { body } = await call('POST', path, service('a', { type: 'NodePort' }));
    const { nodePort } = body.spec.ports[0];
    assert.ok(nodePort >= 30000 && nodePort <= 32767);
    const kept = await call('PUT', `${path}/a`, { ...service('a', { type: 'NodePort' }) });
    assert.equal(kept.body.spec.ports[0].nodePort, nodePort);
    assert.equal(kept.body.spec.clusterIP, body.spec.clusterIP);
    const taken = await call('POST', path, service('b', { type: 'NodePort', ports: [{ port: 80, nodePort }] }));
    assert.match(
      taken.body.message,
      /spec\.ports\[0\]\.nodePort: Invalid value: \d+: provided port is already allocated/,
    );
    const plain = await call('PATCH', `${path}/a`, { spec: { type: 'ClusterIP' } }, merge);
    assert.equal(plain.body.spec.ports[0].nodePort, undefined);
    const now = await call('POST', path, service('b', { type: 'NodePort', ports: [{ port: 80, nodePort }] }));
    assert.equal(now.status, 201);
  });

  it('leaves headless and ExternalName Services without an address', async () => {
    const { call } = await startTestServer();
    const headless = await call('POST', path, service('a', { clusterIP: 'None' }));
    assert.deepEqual(headless.body.spec.clusterIPs, ['None']);
    const external = await call('POST', path, {
      metadata: { name: 'b' },
      spec: { type: 'ExternalName', externalName: 'x.org' },
    });
    assert.equal(external.body.spec.clusterIP, undefined);
  });
});
