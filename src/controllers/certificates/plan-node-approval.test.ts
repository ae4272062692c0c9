import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { Node } from '../../api/generated/core-v1.ts';
import { mayHaveCertificate } from './plan-node-approval.ts';
import type { RequestFacts } from './plan-signing.ts';

const node = {
  metadata: { name: 'n2' },
  status: { addresses: [{ type: 'InternalIP', address: '10.65.192.2' }] },
} as Node;
const serving = 'kubernetes.io/kubelet-serving';
const client = 'kubernetes.io/kube-apiserver-client';
const none = { organizations: [], dnsNames: [], addresses: [], mailAddresses: [], urls: [], verified: true };

const rows: [string, { signer: string; user?: string; groups?: string[]; facts: Partial<RequestFacts> }, boolean][] = [
  [
    'its own names and addresses',
    { signer: serving, facts: { commonName: 'system:node:n2', dnsNames: ['n2'], addresses: ['10.65.192.2'] } },
    true,
  ],
  [
    "another node's address",
    { signer: serving, facts: { commonName: 'system:node:n2', addresses: ['10.65.192.3'] } },
    false,
  ],
  ["another node's name", { signer: serving, facts: { commonName: 'system:node:n3', dnsNames: ['n2'] } }, false],
  [
    'a name of the API server',
    { signer: serving, facts: { commonName: 'system:node:n2', dnsNames: ['kubernetes'] } },
    false,
  ],
  ['the service proxy', { signer: client, facts: { commonName: 'system:kube-proxy' } }, true],
  ['an administrator', { signer: client, facts: { commonName: 'kubernetes-admin' } }, false],
  [
    "the service proxy in the administrators' group",
    { signer: client, facts: { commonName: 'system:kube-proxy', organizations: ['system:masters'] } },
    false,
  ],
  [
    'a request that is not signed with its own key',
    { signer: client, facts: { commonName: 'system:kube-proxy', verified: false } },
    false,
  ],
  ['somebody who is no node', { signer: client, user: 'jane', facts: { commonName: 'system:kube-proxy' } }, false],
  ['a user with the name of a node', { signer: client, groups: [], facts: { commonName: 'system:kube-proxy' } }, false],
];

for (const [what, { signer, user = 'system:node:n2', groups = ['system:nodes'], facts }, expected] of rows)
  test(`a node may ${expected ? '' : 'not '}have a certificate: ${what}`, () => {
    const request = { spec: { signerName: signer, username: user, groups } } as CertificateSigningRequest;
    assert.equal(mayHaveCertificate(request, { commonName: '', ...none, ...facts }, node), expected);
  });
