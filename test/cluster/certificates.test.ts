import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificateSigningRequests } from '../../src/api/resource.ts';
import { startTestCluster, type TestCluster } from './fixture/cluster.ts';
import { untilObject } from './fixture/until.ts';

describe('A kubelet that joins', () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startTestCluster();
  });
  after(() => cluster?.delete());

  const joining = '--as system:bootstrap:abcdef --as-group system:bootstrappers --as-group system:authenticated';
  const stranger = '--as system:bootstrap:uvwxyz --as-group strangers --as-group system:authenticated';

  /** Asks for a certificate of the Node; the key is kept beside it. */
  async function ask(name: string, node: string, as: string): Promise<void> {
    const key = path.join(cluster.home, `${name}.key`);
    const subject = ['-subj', `/O=system:nodes/CN=system:node:${node}`];
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
    const pem = execFileSync('openssl', ['req', '-new', ...options, ...subject], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const request = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: pem.toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: ['digital signature', 'client auth'],
      },
    };
    await cluster.kubectl(`${as} create -f -`, { input: JSON.stringify(request) });
  }

  const issued = async (name: string) =>
    (await untilObject(cluster.client, certificateSigningRequests, '', name, (request) =>
      Boolean(request?.status?.certificate),
    ))!;

  it('is given a certificate, and a new one when it asks with that, as RBAC lets it', async () => {
    await cluster.kubectl(
      'create clusterrolebinding join --clusterrole=system:node-bootstrapper --group=system:bootstrappers --group=strangers',
    );
    await ask('early', 'far', joining);
    await ask('never', 'far', stranger);
    await cluster.kubectl(
      'create clusterrolebinding approve --clusterrole=system:certificates.k8s.io:certificatesigningrequests:nodeclient --group=system:bootstrappers',
    );
    await ask('first', 'far', joining);
    const first = await issued('first');
    const [approved] = first.status!.conditions!;
    assert.equal(approved?.type, 'Approved');
    assert.equal(approved?.reason, 'AutoApproved');
    assert.equal(approved?.message, 'Auto approving kubelet client certificate after SubjectAccessReview.');
    assert.ok(approved?.lastUpdateTime && approved.lastTransitionTime);
    const certificate = Buffer.from(first.status!.certificate!, 'base64').toString();
    assert.equal(new X509Certificate(certificate).subject, 'O=system:nodes\nCN=system:node:far');

    const file = path.join(cluster.home, 'first.crt');
    fs.writeFileSync(file, certificate);
    const config = path.join(cluster.home, 'node');
    const text = fs
      .readFileSync(cluster.kubeconfig, 'utf8')
      .replace(/client-certificate-data: .*/, `client-certificate: ${file}`)
      .replace(/client-key-data: .*/, `client-key: ${path.join(cluster.home, 'first.key')}`);
    fs.writeFileSync(config, text);
    const asNode = `--kubeconfig ${config}`;
    assert.match(await cluster.kubectl(`${asNode} auth whoami`), /system:node:far/);
    await cluster.kubectl(
      'create clusterrolebinding renew --clusterrole=system:certificates.k8s.io:certificatesigningrequests:selfnodeclient --group=system:nodes',
    );
    await ask('second', 'far', asNode);
    const second = await issued('second');
    assert.equal(
      second.status!.conditions![0]?.message,
      'Auto approving self kubelet client certificate after SubjectAccessReview.',
    );
    // Asked for before it was allowed.
    await issued('early');
    const { status } = await cluster.client.get(certificateSigningRequests, 'never');
    assert.deepEqual(status ?? {}, {});
  });

  it('is refused for good by who may approve', async () => {
    await cluster.kubectl('certificate deny never');
    const approved = { status: { conditions: [{ type: 'Approved', status: 'True' }] } };
    const patch = ['patch', 'csr', 'never', '--subresource=approval', '-p', JSON.stringify(approved)];
    assert.match(
      await cluster.kubectlFails(patch),
      /status.conditions: Forbidden: updates may not remove a condition of type "Denied"/,
    );
  });
});
