import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { CertificateSigningRequest } from '../../../src/api/generated/certificates-v1.ts';
import { builtin } from '../../../src/api/resource.ts';
import { issue } from '../../../src/apiserver/pki/certificate.ts';
import { discovers } from '../fixture/api-operations.ts';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { refused } from '../fixture/kube.ts';

const suite = useConformanceCluster();
const csrs = builtin<CertificateSigningRequest>('certificates.k8s.io', 'v1', 'certificatesigningrequests');

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

/** A certificate request for e2e.example.com. */
function newRequest(): string {
  const folder = fs.mkdtempSync('/tmp/vitrine-csr-');
  try {
    const key = path.join(folder, 'key');
    const subject = ['-subj', '/CN=e2e.example.com', '-addext', 'subjectAltName=DNS:e2e.example.com'];
    return base64(
      execFileSync('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, ...subject], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

conformance('[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations', async () => {
  const { kube } = suite;
  const own = kube.of(csrs);
  await discovers(kube, 'certificates.k8s.io', 'v1', [
    'certificatesigningrequests',
    'certificatesigningrequests/approval',
    'certificatesigningrequests/status',
  ]);
  const signerName = `example.com/e2e-${process.pid}`;
  const template = {
    metadata: { generateName: 'e2e-example-csr-' },
    spec: {
      request: newRequest(),
      signerName,
      expirationSeconds: 3600,
      usages: ['digital signature', 'key encipherment', 'server auth'] as never,
    },
  };
  await own.create(template);
  await own.create(template);
  const created = await own.create(template);
  const { name, uid } = created.metadata;
  const read = await own.get(name);
  assert.equal(read.metadata.uid, uid);
  assert.equal(read.spec.expirationSeconds, 3600);
  const fieldSelector = `spec.signerName=${signerName}`;
  const list = await own.list({ fieldSelector });
  assert.equal(list.items.length, 3);

  const watching = await own.watch({
    resourceVersion: list.metadata.resourceVersion,
    fieldSelector: `metadata.name=${name}`,
  });
  const patched = await own.patch(name, 'merge', { metadata: { annotations: { patched: 'true' } } });
  assert.equal(patched.metadata.annotations?.patched, 'true');
  patched.metadata.annotations = { ...patched.metadata.annotations, updated: 'true' };
  const updated = await own.update(patched);
  assert.equal(updated.metadata.annotations?.updated, 'true');
  await watching.take('MODIFIED', ({ metadata }) => metadata.annotations?.patched === 'true');
  watching.stop();

  const approval = await own.get(name, 'approval');
  assert.equal(approval.kind, 'CertificateSigningRequest');
  assert.equal(approval.metadata.uid, uid);
  const withCondition = (annotation: string, type: string) => ({
    metadata: { annotations: { [annotation]: 'true' } },
    status: { conditions: [{ type, status: 'True', reason: 'e2e' }] },
  });
  const approvalPatch = withCondition('patchedapproval', 'ApprovalPatch');
  const patchedApproval = await own.patch(name, 'merge', approvalPatch, 'approval');
  assert.deepEqual(
    patchedApproval.status?.conditions?.map(({ type }) => type),
    ['ApprovalPatch'],
  );
  assert.equal(patchedApproval.metadata.annotations?.patchedapproval, 'true');
  patchedApproval.status!.conditions!.push({
    type: 'Approved',
    status: 'True',
    reason: 'E2E',
    message: 'Set from an e2e test',
  });
  const approved = await own.update(patchedApproval, 'approval');
  assert.deepEqual(
    approved.status?.conditions?.map(({ type }) => type),
    ['ApprovalPatch', 'Approved'],
  );

  const status = await own.get(name, 'status');
  assert.equal(status.kind, 'CertificateSigningRequest');
  assert.equal(status.metadata.uid, uid);
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const { certificate } = issue({ commonName: 'e2e.example.com', usage: 'server', ...validity });
  const statusPatch = {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { certificate: base64(certificate) },
  };
  const signed = await own.patch(name, 'merge', statusPatch, 'status');
  assert.equal(signed.status?.certificate, base64(certificate));
  assert.equal(signed.metadata.annotations?.patchedstatus, 'true');
  signed.status!.conditions!.push({
    type: 'StatusUpdate',
    status: 'True',
    reason: 'E2E',
    message: 'Set from an e2e test',
  });
  const told = await own.update(signed, 'status');
  assert.deepEqual(
    told.status?.conditions?.map(({ type }) => type),
    ['ApprovalPatch', 'Approved', 'StatusUpdate'],
  );

  await own.delete(name);
  await refused(own.get(name), 404);
  assert.equal((await own.list({ fieldSelector })).items.length, 2);
  await own.deleteCollection({ fieldSelector });
  assert.equal((await own.list({ fieldSelector })).items.length, 0);
});
