import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { pods, services } from '../../src/api/resource.ts';
import { Kube } from '../conformance/fixture/kube.ts';
import { ensureSampleApiserver, sampleApiserver } from '../conformance/fixture/sample-apiserver/image.ts';
import { servingCertificate } from '../fixture/serving-certificate.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { until } from './fixture/until.ts';

let cluster: TestCluster;
let kube: Kube;
let namespace: string;

/** Says what it was asked, over HTTP and HTTPS; redirects, streams and upgrades where it is asked to. */
const echo = `
const http = require('http'), https = require('https');
const answer = (request, response) => {
  const { method, url, headers } = request;
  if (url.startsWith('/redirect')) return response.writeHead(302, { location: '/target?a=b' }).end();
  if (url.startsWith('/teapot')) return response.writeHead(418, { 'x-own': 'yes' }).end('short and stout');
  if (url.startsWith('/slow')) { response.write('first\\n'); setTimeout(() => response.end('last\\n'), 300); return; }
  let body = '';
  request.on('data', (chunk) => (body += chunk)).on('end', () =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ method, url, headers, body })));
};
const upgrade = (request, socket, head) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\nhello ' + request.url + '\\n');
  socket.write(head);
  socket.pipe(socket);
};
http.createServer(answer).on('upgrade', upgrade).listen(8080);
https.createServer({ key: process.env.KEY, cert: process.env.CERT }, answer).listen(8443);
`;

before(async () => {
  await ensureSampleApiserver();
  cluster = await startTestCluster();
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  kube = new Kube(config);
  namespace = await kube.namespace('proxies');
  const { key, cert } = servingCertificate('echo');
  await kube.of(pods, namespace).create({
    metadata: { name: 'echo', labels: { app: 'echo' } },
    spec: {
      containers: [
        {
          name: 'echo',
          image: sampleApiserver,
          command: ['/usr/bin/node', '-e', echo],
          env: [
            { name: 'KEY', value: key },
            { name: 'CERT', value: cert },
          ],
          ports: [{ name: 'web', containerPort: 8080 }],
          readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
        },
      ],
    },
  });
  await kube.of(services, namespace).create({
    metadata: { name: 'echo' },
    spec: {
      selector: { app: 'echo' },
      ports: [
        { name: 'plain', port: 80, targetPort: 'web' },
        { name: 'secure', port: 443, targetPort: 8443 },
      ],
    },
  });
  const through = `/api/v1/namespaces/${namespace}/services/echo:plain/proxy/`;
  await until('the Service has an endpoint', async () => (await kube.try('GET', through)).status === 200);
});
after(() => cluster.delete());

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

const root = () => `/api/v1/namespaces/${namespace}`;
const ways = [
  ['a Pod', 'pods/echo'],
  ['a Pod, by port', 'pods/echo:8080'],
  ['a Pod, by scheme and port', 'pods/http:echo:8080'],
  ['a Pod over TLS', 'pods/https:echo:8443'],
  ['a Service by the name of its port', 'services/echo:plain'],
  ['a Service by its port', 'services/http:echo:80'],
  ['a Service over TLS', 'services/https:echo:secure'],
] as const;

describe('the proxy subresources', { concurrency: 4 }, () => {
  for (const [what, way] of ways)
    it(`pass every method on to ${what}`, async () => {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const body = ['GET', 'OPTIONS'].includes(method) ? undefined : `a body of ${method}`;
        const ask = { headers: { 'content-type': 'text/plain', 'x-mine': 'yes' }, ...(body && { body }) };
        const { text } = await kube.ask(method, `${root()}/${way}/proxy/some//path%2Fhere?a=b&a=c`, ask);
        const seen = JSON.parse(text) as Echo;
        assert.deepEqual([seen.method, seen.url, seen.body], [method, '/some//path%2Fhere?a=b&a=c', body ?? '']);
        assert.equal(seen.headers['x-mine'], 'yes');
        assert.equal(seen.headers['x-forwarded-uri'], `${root()}/${way}/proxy/some//path%2Fhere`);
        assert.equal(seen.headers.authorization, undefined);
      }
      assert.equal((await kube.try('HEAD', `${root()}/${way}/proxy/x`)).status, 200);
    });

  it('bring answers as they are, and places as clients have to see them', async () => {
    for (const way of ['pods/echo', 'services/echo:plain']) {
      const teapot = await kube.try('GET', `${root()}/${way}/proxy/teapot`);
      assert.deepEqual([teapot.status, teapot.headers['x-own'], teapot.text], [418, 'yes', 'short and stout']);
      const moved = await kube.try('GET', `${root()}/${way}/proxy/redirect`);
      assert.equal(moved.status, 302);
      assert.equal(moved.headers.location, `${root()}/${way}/proxy/target?a=b`);
      const slash = await kube.try('GET', `${root()}/${way}/proxy?a=b`);
      assert.deepEqual([slash.status, slash.headers.location], [301, `${root()}/${way}/proxy/?a=b`]);
    }
  });

  it('stream what comes bit by bit', async () => {
    const response = await kube.open('GET', `${root()}/pods/echo/proxy/slow`, {});
    const arrived: number[] = [];
    for await (const _ of response) arrived.push(performance.now());
    assert.ok(arrived.at(-1)! - arrived[0]! > 100, String(arrived));
  });

  it('join upgraded connections', async () => {
    for (const way of ['pods/echo:8080', 'services/echo:80']) {
      const [greeting, echoed] = await upgrade(`${root()}/${way}/proxy/chat?x=1`, 'ping\n');
      assert.deepEqual([greeting, echoed], ['hello /chat?x=1', 'ping']);
    }
  });

  it('say what is wrong with what they were asked', async () => {
    const rows: [string, number, RegExp][] = [
      ['pods/none/proxy/', 404, /pods "none" not found/],
      ['services/echo:none/proxy/', 503, /^no endpoints available for service "echo:none"$/],
      ['services/echo:9/proxy/', 503, /^no service port 9 found for service "echo"$/],
      ['pods/echo:9/proxy/', 503, /error trying to reach service/],
      ['pods/a:echo:8080/proxy/', 400, /^invalid pod request "a:echo:8080"$/],
    ];
    for (const [way, code, message] of rows) {
      const { status, text } = await kube.try('GET', `${root()}/${way}`);
      assert.equal(status, code, `${way}: ${text}`);
      assert.match((JSON.parse(text) as { message: string }).message, message);
    }
  });

  it('lead to the kubelet of a node, by name and by port', async () => {
    const name = (await cluster.kubectl('get nodes -o name')).trim().split('/')[1];
    for (const node of [name, `${name}:10250`, `https:${name}:10250`]) {
      const { text } = await kube.ask('GET', `/api/v1/nodes/${node}/proxy/runningpods/`);
      assert.match(text, /"kind":"PodList".*"name":"echo"/);
    }
    const asAnn = { headers: { 'impersonate-user': 'ann' } };
    assert.equal((await kube.try('GET', `/api/v1/nodes/${name}/proxy/pods`, asAnn)).status, 403);
  });

  it('let nobody run a command who may only read', async () => {
    await cluster.kubectl([
      'create',
      'role',
      'exec-reader',
      '-n',
      namespace,
      '--verb=get',
      '--resource=pods,pods/exec',
    ]);
    await cluster.kubectl(['create', 'rolebinding', 'bob', '-n', namespace, '--role=exec-reader', '--user=bob']);
    const command = ['-n', namespace, '--as=bob', 'exec', 'echo', '--', 'true'];
    assert.match(await cluster.kubectlFails(command), /User "bob" cannot create resource "pods\/exec"/);
  });
});

/** Sends a line after an upgrade; the first two lines that come back. */
async function upgrade(path: string, line: string): Promise<string[]> {
  const [{ server, caData }, { certData, keyData }] = [kube.config.getCurrentCluster()!, kube.config.getCurrentUser()!];
  const pem = (data: string | undefined) => Buffer.from(data ?? '', 'base64');
  const { hostname: host, port } = new URL(server);
  const socket = tls.connect({ host, port: Number(port), ca: pem(caData), cert: pem(certData), key: pem(keyData) });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n${line}`);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    const lines = (text.split('\r\n\r\n')[1] ?? '').split('\n');
    if (lines.length <= 2) continue;
    socket.destroy();
    return lines.slice(0, 2);
  }
  throw new Error(`the upgrade ended with ${JSON.stringify(text)}`);
}
