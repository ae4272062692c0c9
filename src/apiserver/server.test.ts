import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/log.ts';
import { MemoryStore } from '../store/memory.ts';
import { ensurePki, type Pki } from './pki/pki.ts';
import type { Authenticator } from './request.ts';
import { type ApiServer, createApiServer } from './server.ts';

/** Certificates only: what the handshake proved. */
const certificates: Authenticator = {
  authenticate: async ({ certificate }) =>
    certificate ? { name: certificate.commonName, groups: certificate.organizations } : undefined,
};

describe('the API server over TLS', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'apiserver-'));
  let pki: Pki;
  let server: ApiServer;
  let port: number;

  before(async () => {
    pki = await ensurePki(dir, { names: [], addresses: ['127.0.0.1'], nodeName: 'n1', clock: systemClock });
    server = createApiServer({
      store: new MemoryStore(),
      clock: systemClock,
      log: silentLogger,
      listen: [{ host: '127.0.0.1', port: 0 }],
      tls: { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate },
      kubelet: {
        key: pki.apiserverKubeletClient.key,
        cert: pki.apiserverKubeletClient.certificate,
        ca: pki.ca.certificate,
      },
      serviceCidr: '10.96.0.0/24',
      plugins: () => ({
        authenticators: [certificates],
        authorizers: [{ authorize: async (user) => ({ allowed: user.groups.includes('system:masters'), reason: '' }) }],
        admission: [],
      }),
    });
    await server.start();
    port = server.addresses()[0]!.port;
  });

  after(async () => {
    await server.stop();
    fs.rmSync(dir, { recursive: true });
  });

  const credentials = () => ({ ca: pki.ca.certificate, key: pki.admin.key, cert: pki.admin.certificate });

  /** One request over HTTP/1.1. */
  function call(method: string, target: string, options: { body?: object; anonymous?: boolean } = {}) {
    const identity = options.anonymous ? { ca: pki.ca.certificate } : credentials();
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const request = https.request(
        { host: '127.0.0.1', port, method, path: target, headers, agent: false, ...identity },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk) => {
            body += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      request.on('error', reject);
      request.end(options.body && JSON.stringify(options.body));
    });
  }

  it('serves HTTP/2: create, and a watch that sees it', async () => {
    const session = http2.connect(`https://127.0.0.1:${port}`, credentials());
    const watch = session.request({ ':path': '/api/v1/configmaps?watch=true&resourceVersion=1' });
    const line = new Promise<string>((resolve) => watch.setEncoding('utf8').once('data', resolve));
    const create = session.request({ ':method': 'POST', ':path': '/api/v1/namespaces/default/configmaps' });
    create.resume().end(JSON.stringify({ metadata: { name: 'h2' } }));
    const status = await new Promise((resolve) => create.once('response', (headers) => resolve(headers[':status'])));
    assert.equal(status, 201);
    assert.equal(JSON.parse(await line).object.metadata.name, 'h2');
    await new Promise<void>((resolve) => {
      session.close(resolve);
      watch.close();
    });
  });

  it('knows the user by the client certificate, and answers 401 without one', async () => {
    assert.equal((await call('GET', '/api/v1/nodes')).status, 200);
    const { status, body } = await call('GET', '/api/v1/nodes', { anonymous: true });
    assert.equal(status, 401);
    assert.equal(JSON.parse(body).reason, 'Unauthorized');
  });

  it('refuses a body of more than 3 MiB', async () => {
    const big = { metadata: { name: 'big' }, data: { x: 'y'.repeat(3 << 20) } };
    const { status, body } = await call('POST', '/api/v1/namespaces/default/configmaps', { body: big });
    assert.equal(status, 413);
    assert.equal(JSON.parse(body).reason, 'RequestEntityTooLarge');
  });

  it('streams logs and tunnels exec to the kubelet of the node, with its own certificate', async () => {
    const kubelet = await startKubelet(pki);
    const node = {
      metadata: { name: 'n1' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
      },
    };
    await call('POST', '/api/v1/nodes', { body: { metadata: node.metadata } });
    await call('PUT', '/api/v1/nodes/n1/status', { body: node });
    const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'httpd' }] };
    await call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'p' }, spec } });
    const log = await call('GET', '/api/v1/namespaces/default/pods/p/log?tailLines=5&follow=true');
    assert.equal(log.body, 'GET /containerLogs/default/p/c?follow=true&tailLines=5 by kube-apiserver-kubelet-client');
    const target = '/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&stdin=true&stdout=true';
    const echoed = await upgrade(port, credentials(), target);
    assert.match(echoed, /^HTTP\/1\.1 101 .*\r\n/);
    assert.match(echoed, /POST \/exec\/default\/p\/c\?input=1&output=1&error=1&command=ls&command=-l\n/);
    assert.ok(echoed.endsWith('ping'));
    await kubelet.close();
  });
});

/** A kubelet that says what it was asked, and by whom; after an upgrade it echoes. */
async function startKubelet(pki: Pki): Promise<{ port: number; close(): Promise<void> }> {
  const server = https.createServer({
    key: pki.kubeletServer.key,
    cert: pki.kubeletServer.certificate,
    ca: pki.ca.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('request', (request, response) => {
    const { CN } = (request.socket as tls.TLSSocket).getPeerCertificate().subject;
    response.end(`${request.method} ${request.url} by ${CN}`);
  });
  server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    socket.write(`${request.method} ${request.url}\n`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Sends an upgrade request and 'ping', and returns all that comes back until 'ping' does. */
function upgrade(port: number, identity: tls.ConnectionOptions, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1'], ...identity }, () => {
      socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`);
    });
    let text = '';
    let pinged = false;
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (!pinged && text.includes('POST /exec')) {
        pinged = true;
        socket.write('ping');
      }
      if (text.endsWith('ping')) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.on('error', reject);
    socket.on('end', () => reject(new Error(`connection ended after: ${text}`)));
  });
}
