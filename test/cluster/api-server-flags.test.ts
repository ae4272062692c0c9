import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { clusterPaths } from '../../src/paths.ts';
import { servingCertificate } from '../fixture/serving-certificate.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { until } from './fixture/until.ts';

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: RequestResponse
  users: ["oidc:ann"]
- level: Metadata
  verbs: [create]
  resources: [{group: "", resources: [configmaps]}]
`;

const webhookConfig = (server: string, ca: string) => `
apiVersion: v1
kind: Config
current-context: audit
contexts: [{name: audit, context: {cluster: audit}}]
clusters:
- name: audit
  cluster: {server: "${server}/audit", certificate-authority-data: ${Buffer.from(ca).toString('base64')}}
`;

interface EventList {
  kind: string;
  items: { auditID: string; objectRef?: { name?: string } }[];
}

describe("kube-apiserver's flags", () => {
  let cluster: TestCluster;
  let privateKey: CryptoKey;
  const tls = servingCertificate('127.0.0.1');
  let keys: object[] = [];
  /** Lists of audit events that were sent to us; the first one is refused. */
  const lists: EventList[] = [];
  const refused: EventList[] = [];
  const issuer = https.createServer(tls, (request, response) => {
    if (request.url?.startsWith('/audit')) {
      void text(request).then((body) => {
        const isFirst = refused.length === 0;
        (isFirst ? refused : lists).push(JSON.parse(body));
        response.writeHead(isFirst ? 503 : 200).end();
      });
      return;
    }
    const discovery = { issuer: url(), jwks_uri: `${url()}/keys` };
    response.end(JSON.stringify(request.url === '/keys' ? { keys } : discovery));
  });
  const url = () => `https://127.0.0.1:${(issuer.address() as AddressInfo).port}`;

  before(async () => {
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const pair = await generateKeyPair('RS256', { extractable: true });
    privateKey = pair.privateKey;
    keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256' }];
    cluster = await startTestCluster();
    const file = (name: string, text: string) => {
      const full = path.join(cluster.home, name);
      fs.writeFileSync(full, text);
      return full;
    };
    const flags = {
      'audit-policy-file': file('policy.yaml', policy),
      'audit-log-path': path.join(clusterPaths(cluster.name).logs, 'audit.log'),
      'audit-webhook-config-file': file('webhook.kubeconfig', webhookConfig(url(), tls.ca)),
      'audit-webhook-batch-max-wait': '100ms',
      'audit-webhook-initial-backoff': '100ms',
      'oidc-issuer-url': url(),
      'oidc-client-id': 'vitrine',
      'oidc-username-prefix': 'oidc:',
      'oidc-groups-claim': 'groups',
      'oidc-groups-prefix': 'oidc:',
      'oidc-ca-file': file('ca.pem', tls.ca),
    };
    await cluster.vitrine([
      'up',
      '--no-kubeconfig',
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ]);
    await cluster.connect();
  });
  after(async () => {
    issuer.close();
    issuer.closeAllConnections();
    await cluster?.delete();
  });

  const events = () =>
    fs
      .readFileSync(path.join(clusterPaths(cluster.name).logs, 'audit.log'), 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));

  const untilTold = <T>(wanted: (event: T) => boolean): Promise<T> =>
    until('such an audit event', () => events().find(wanted));

  /** A kubeconfig with a token in place of the administrator's certificate. */
  async function asHolder(name: string, token: string): Promise<string> {
    const file = path.join(cluster.home, name);
    const own = fs.readFileSync(cluster.kubeconfig, 'utf8');
    fs.writeFileSync(
      file,
      own.replace(/client-certificate-data: .*\n/, `token: ${token}\n`).replace(/ *client-key-data: .*\n/, ''),
    );
    return file;
  }

  const ann = () =>
    new SignJWT({ groups: ['dev'] })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(url())
      .setSubject('ann')
      .setAudience('vitrine')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);

  it('let an OpenID issuer say who somebody is, and RBAC what they may do', async () => {
    const config = await asHolder('ann', await ann());
    const kubectl = (...args: string[]) => ['--kubeconfig', config, ...args];
    assert.match(
      await cluster.kubectlFails(kubectl('get', 'pods')),
      /User "oidc:ann" cannot list resource "pods" in API group "" in the namespace "default"/,
    );
    await cluster.kubectl('create clusterrolebinding dev --clusterrole=view --group=oidc:dev');
    await cluster.kubectl(kubectl('get', 'pods'));
    assert.match(
      await cluster.kubectlFails(['--kubeconfig', await asHolder('nobody', 'nonsense'), 'get', 'pods']),
      /logged in|Unauthorized/,
    );
  });

  it('make an audit log', async () => {
    const forbidden = await untilTold<{ responseStatus?: { code: number }; user: { username: string } }>(
      (event) => event.responseStatus?.code === 403,
    );
    assert.equal(forbidden.user.username, 'oidc:ann');
    const allowed = await untilTold<{ annotations: Record<string, string>; responseObject: { kind: string } }>(
      (event) => event.responseObject?.kind === 'Table' || event.responseObject?.kind === 'PodList',
    );
    assert.deepEqual(allowed.annotations, {
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason':
        'RBAC: allowed by ClusterRoleBinding "dev" of ClusterRole "view" to Group "oidc:dev"',
    });
    await cluster.kubectl('create configmap told --from-literal=a=b');
    const created = await untilTold<{ objectRef: { name: string }; level: string; requestObject?: object }>(
      (event) => event.objectRef?.name === 'told',
    );
    assert.equal(created.level, 'Metadata');
    assert.equal(created.requestObject, undefined);
  });

  it('send the same to a webhook in lists, again where it refuses them', async () => {
    const told = await until('the webhook is told', async () =>
      lists.find(({ items }) => items.some(({ objectRef }) => objectRef?.name === 'told')),
    );
    assert.equal(told.kind, 'EventList');
    const [first] = refused;
    assert.ok(first && first.items.length > 0);
    await until('what was refused comes again', () => {
      const come = new Set(lists.flatMap(({ items }) => items.map(({ auditID }) => auditID)));
      return first.items.every(({ auditID }) => come.has(auditID));
    });
  });

  it('are kept for later starts, until they are removed', async () => {
    await cluster.vitrine('down');
    await cluster.vitrine('up --no-kubeconfig');
    const before = events().length;
    await cluster.kubectl('create configmap again');
    await untilTold<{ objectRef: { name: string } }>((event) => event.objectRef?.name === 'again');
    assert.ok(events().length > before);
    await cluster.vitrine(['up', '--no-kubeconfig', '--audit-policy-file=']);
    const told = events().length;
    await cluster.kubectl('create configmap unseen');
    await cluster.vitrine('down');
    assert.equal(events().length, told);
  });

  it('are refused with their name and value', async () => {
    const outcome = await cluster.tryVitrine(['up', '--no-kubeconfig', '--audit-policy-file=/nowhere.yaml']);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /--audit-policy-file "\/nowhere.yaml": cannot be read/);
    assert.match(outcome.stderr, /vitrine up --audit-policy-file '' does without it/);
  });
});
