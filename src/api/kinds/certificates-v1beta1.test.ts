import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { certificateFor, issue, newPrivateKey } from '../../apiserver/pki/certificate.ts';
import type { KubeObject } from '../object.ts';
import { emptyRequest } from '../pkcs10.ts';
import type { Cause } from '../status-error.ts';
import { validateCreate, validateStatusUpdate } from '../validation/validate.ts';

const hourMs = 3_600_000;
const start = Date.parse('2026-01-02T03:04:05Z');
const times = { notBefore: start, notAfter: start + 24 * hourMs };
const ca = issue({ commonName: 'one', usage: 'ca', ...times }).certificate;
const server = issue({ commonName: 'two', usage: 'server', ...times }).certificate;
const own = newPrivateKey().key;
const der = (key: KeyObject) => emptyRequest(key).toString('base64');
const messages = (causes: Cause[]) => causes.map((one) => `${one.field}: ${one.message}`);

const bundle = (trustBundle: string, name = 'roots', signerName?: string) =>
  messages(
    validateCreate('certificates/v1beta1.ClusterTrustBundle', {
      metadata: { name },
      spec: { trustBundle, ...(signerName && { signerName }) },
    } as unknown as KubeObject),
  );

test('a ClusterTrustBundle holds certificate authorities, each once', () => {
  const omitted = 'spec.trustBundle: Invalid value: "<value omitted>": ';
  const rows: [string, string[]][] = [
    [ca, []],
    [`words\n${ca}words`, []],
    ['words', [`${omitted}at least one trust anchor must be provided`]],
    [ca + ca, [`${omitted}duplicate trust anchor (indices [0 1])`]],
    [ca + server, [`${omitted}entry 1 does not have the CA bit set`]],
    [ca.replaceAll('CERTIFICATE', 'PRIVATE KEY'), [`${omitted}entry 0 has bad block type: PRIVATE KEY`]],
    [ca.replace('-----\n', '-----\nkey: value\n\n'), [`${omitted}entry 0 has PEM block headers`]],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', [`${omitted}entry 0 does not parse as X.509`]],
  ];
  for (const [text, expected] of rows) assert.deepEqual(bundle(text), expected);
});

test("a ClusterTrustBundle's name tells its signer", () => {
  assert.deepEqual(bundle(ca, 'example.com:pods:v1', 'example.com/pods'), []);
  assert.deepEqual(bundle(ca, 'a:b'), [
    'metadata.name: Invalid value: "a:b": ClusterTrustBundle without signer name must not have ":" in its name',
  ]);
  assert.deepEqual(bundle(ca, 'roots', 'example.com/pods'), [
    'metadata.name: Invalid value: "roots": ClusterTrustBundle for signerName example.com/pods must be named with prefix example.com:pods:',
  ]);
});

const spec = {
  signerName: 'example.com/pods',
  ...{ podName: 'web', podUID: 'uid-web', serviceAccountName: 'default', serviceAccountUID: 'uid-default' },
  ...{ nodeName: 'node-1', nodeUID: 'uid-node', maxExpirationSeconds: 86_400 },
};
const request = (more: object, status?: object): KubeObject =>
  ({
    metadata: { name: 'req-1', namespace: 'default', resourceVersion: '1' },
    spec: { ...spec, ...more },
    ...(status && { status }),
  }) as unknown as KubeObject;
const type = 'certificates/v1beta1.PodCertificateRequest';
const created = (more: object) => messages(validateCreate(type, request(more)));

test('a PodCertificateRequest proves that its sender has the key', () => {
  const other = der(newPrivateKey().key);
  const forged = Buffer.from(der(own), 'base64');
  forged[forged.length - 1]! ^= 1;
  const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).toString('base64');
  const pair = generateKeyPairSync('ed25519');
  const proof = sign(null, Buffer.from('uid-web'), pair.privateKey).toString('base64');
  const invalid = 'must be a valid PKCS#10 request, signed by its own key';
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const rows: [object, string[]][] = [
    [{ stubPKCS10Request: der(own) }, []],
    [{ stubPKCS10Request: other }, []],
    [
      { stubPKCS10Request: forged.toString('base64') },
      [`spec.stubPKCS10Request: Invalid value: "<value omitted>": ${invalid}`],
    ],
    [{ stubPKCS10Request: 'AAAA' }, [`spec.stubPKCS10Request: Invalid value: "<value omitted>": ${invalid}`]],
    [
      { stubPKCS10Request: der(small) },
      ['spec.stubPKCS10Request: Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096'],
    ],
    [{ pkixPublicKey: spki(pair.publicKey), proofOfPossession: proof }, []],
    [
      { pkixPublicKey: spki(pair.publicKey), proofOfPossession: 'AAAA' },
      ['spec.proofOfPossession: Invalid value: "<value omitted>": could not verify proof-of-possession signature'],
    ],
    [
      { stubPKCS10Request: der(own), maxExpirationSeconds: 60 },
      ['spec.maxExpirationSeconds: Invalid value: 60: must be in the range [3600, 7862400]'],
    ],
    [
      { stubPKCS10Request: der(own), signerName: 'kubernetes.io/x', maxExpirationSeconds: 90_000 },
      ['spec.maxExpirationSeconds: Invalid value: 90000: must be in the range [3600, 86400]'],
    ],
    [
      { stubPKCS10Request: der(own), unverifiedUserAnnotations: { plain: 'x' } },
      ['spec.unverifiedUserAnnotations: Invalid value: "plain": must be a domain-prefixed key (such as "acme.io/foo")'],
    ],
  ];
  for (const [more, expected] of rows) assert.deepEqual(created(more), expected);
});

test('what a signer may say of a PodCertificateRequest', () => {
  const issuer = { commonName: 'ca', key: newPrivateKey().key };
  const leaf = (validity: object = {}, key = own) =>
    certificateFor(createPublicKey(key), { commonName: 'web', usage: 'client', ...times, ...validity }, issuer);
  const condition = (name: string, status = 'True') => ({
    ...{ type: name, status, reason: 'Because', message: '' },
    lastTransitionTime: '2026-01-02T03:04:05Z',
  });
  const issued = (more: object = {}) => ({
    conditions: [condition('Issued')],
    certificateChain: leaf(),
    notBefore: '2026-01-02T03:04:05Z',
    beginRefreshAt: '2026-01-02T20:00:00Z',
    notAfter: '2026-01-03T03:04:05Z',
    ...more,
  });
  const before = request({ stubPKCS10Request: der(own) });
  const changed = (status: object, old: KubeObject = before) =>
    messages(validateStatusUpdate(type, request({ stubPKCS10Request: der(own) }, status), old));
  assert.deepEqual(changed(issued()), []);
  assert.deepEqual(changed({ conditions: [condition('Denied')] }), []);
  assert.match(changed({ conditions: [condition('Denied')], certificateChain: 'x' })[0]!, /must be empty when denying/);
  assert.match(changed({ conditions: [condition('Denied'), condition('Issued')] })[0]!, /at most one condition/);
  assert.match(changed({ conditions: [condition('Issued', 'False')] })[0]!, /Unsupported value: "False"/);
  assert.match(changed({ conditions: [condition('Other')] })[0]!, /Unsupported value: "Other"/);
  assert.match(
    changed(issued({ certificateChain: leaf({}, newPrivateKey().key) }))[0]!,
    /not issued to the requested public key/,
  );
  assert.match(changed(issued({ notAfter: '2026-01-03T03:04:06Z' }))[0]!, /NotAfter time encoded in the leaf/);
  assert.match(changed(issued({ beginRefreshAt: undefined }))[0]!, /in the range \[notbefore\+10min/);
  assert.match(changed(issued({ beginRefreshAt: '2026-01-02T03:05:00Z' }))[0]!, /10 minutes after status.notBefore/);
  assert.match(
    changed(issued({ certificateChain: leaf({ notAfter: start + 60_000 }), notAfter: '2026-01-02T03:05:05Z' }))[0]!,
    /lifetime must be >= 1 hour/,
  );
  const done = request({ stubPKCS10Request: der(own) }, issued());
  assert.match(changed({ conditions: [condition('Failed')] }, done)[0]!, /immutable after PodCertificateRequest is/);
});
