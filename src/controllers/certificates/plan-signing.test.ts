import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { planSigning, type RequestFacts } from './plan-signing.ts';

const node: RequestFacts = {
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  addresses: [],
  mailAddresses: [],
  urls: [],
  verified: true,
};
const clientUsages = ['digital signature', 'client auth'];
const servingUsages = ['digital signature', 'server auth'];

const rows: [string, string, string[], Partial<RequestFacts>, string][] = [
  ['signs clients', 'kube-apiserver-client', clientUsages, { commonName: 'jane', organizations: [] }, 'sign'],
  ['refuses clients with server auth', 'kube-apiserver-client', servingUsages, {}, 'refuse'],
  ['signs kubelet clients', 'kube-apiserver-client-kubelet', clientUsages, {}, 'sign'],
  [
    'refuses kubelet clients of another group',
    'kube-apiserver-client-kubelet',
    clientUsages,
    { organizations: ['x'] },
    'refuse',
  ],
  ['refuses kubelet servers without a name', 'kubelet-serving', servingUsages, {}, 'refuse'],
  ['signs kubelet servers', 'kubelet-serving', servingUsages, { addresses: ['10.0.0.1'] }, 'sign'],
  ['refuses what is not signed with its own key', 'kube-apiserver-client', clientUsages, { verified: false }, 'refuse'],
  ['refuses kubelet clients with names', 'kube-apiserver-client-kubelet', clientUsages, { dnsNames: ['n1'] }, 'refuse'],
  ['refuses kubelets without a signature', 'kube-apiserver-client-kubelet', ['client auth'], {}, 'refuse'],
  ["leaves others' signers alone", 'something-else', clientUsages, {}, 'ignore'],
];

describe('planSigning', () => {
  for (const [what, signer, usages, facts, action] of rows) {
    it(what, () => {
      const request = { spec: { request: '', signerName: `kubernetes.io/${signer}`, usages } } as unknown;
      assert.equal(planSigning(request as CertificateSigningRequest, { ...node, ...facts }).action, action);
    });
  }
});
