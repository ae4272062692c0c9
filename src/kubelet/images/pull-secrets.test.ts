import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '../../api/generated/core-v1.ts';
import { credentialsOf } from './pull-secrets.ts';

const secret = (key: string, value: unknown): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'default', uid: 's', resourceVersion: '', creationTimestamp: '' },
  data: { [key]: Buffer.from(JSON.stringify(value)).toString('base64') },
});
const auths = (...keys: string[]) =>
  secret('.dockerconfigjson', {
    auths: Object.fromEntries(keys.map((key) => [key, { username: key, password: 'p' }])),
  });
const usersFor = (image: string, ...keys: string[]) =>
  credentialsOf(auths(...keys), image).map(({ username }) => username);

test('all forms of an entry are read', () => {
  const auth = Buffer.from('me:se:cret').toString('base64');
  const wanted = [{ username: 'me', password: 'se:cret' }];
  assert.deepEqual(credentialsOf(secret('.dockerconfigjson', { auths: { 'quay.io': { auth } } }), 'quay.io/a'), wanted);
  assert.deepEqual(credentialsOf(secret('.dockercfg', { 'https://quay.io/v1/': { auth } }), 'quay.io/a'), wanted);
  const tokens = { identitytoken: 'refresh', registrytoken: 'bearer' };
  const [found] = credentialsOf(
    secret('.dockerconfigjson', { auths: { 'quay.io': { auth, ...tokens } } }),
    'quay.io/a',
  );
  assert.equal(found?.identityToken, 'refresh');
  assert.equal(found?.registryToken, 'bearer');
});

// kubelet credentialprovider/keyring.go, URLsMatch and the order of Lookup.
const rows: [sentence: string, image: string, keys: string[], users: string[]][] = [
  ['a host is for all its repositories', 'quay.io/team/app:v1', ['quay.io'], ['quay.io']],
  ['a path is a prefix', 'quay.io/team/app:v1', ['quay.io/team', 'quay.io/other'], ['quay.io/team']],
  ['a whole repository, whatever its tag or digest', 'quay.io/team/app:v1', ['quay.io/team/app'], ['quay.io/team/app']],
  ['by digest', `quay.io/team/app@sha256:${'0'.repeat(64)}`, ['quay.io/team/app'], ['quay.io/team/app']],
  ['the longest comes first', 'quay.io/team/app', ['quay.io', 'quay.io/team'], ['quay.io/team', 'quay.io']],
  ['a port must be the same', 'host:5000/app', ['host', 'host:5000', 'host:5001'], ['host:5000']],
  ['a star stands for one label', 'a.b.example.com/app', ['*.example.com', '*.*.example.com'], ['*.*.example.com']],
  ['Docker Hub has several names', 'httpd', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
  ['others do not match', 'quay.io/app', ['ghcr.io', 'docker.io'], []],
];
for (const [sentence, image, keys, users] of rows)
  test(sentence, () => assert.deepEqual(usersFor(image, ...keys), users));
