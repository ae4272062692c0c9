import assert from 'node:assert/strict';
import test from 'node:test';
import { normalizeName } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

const names: [sentence: string, name: string, want: string][] = [
  ['a bare name belongs to the library of docker.io', 'httpd', 'docker.io/library/httpd:latest'],
  ['a tag is kept', 'httpd:2.4', 'docker.io/library/httpd:2.4'],
  ['two components belong to docker.io', 'grafana/grafana', 'docker.io/grafana/grafana:latest'],
  ['the old domain of the hub is docker.io', 'index.docker.io/httpd', 'docker.io/library/httpd:latest'],
  ['a dot makes a domain', 'quay.io/a/b/c:v1', 'quay.io/a/b/c:v1'],
  ['a port makes a domain', 'localhost:5000/x', 'localhost:5000/x:latest'],
  ['localhost is a domain', 'localhost/x', 'localhost/x:latest'],
  ['a digest drops the tag', `httpd:2.4@${digest}`, `docker.io/library/httpd@${digest}`],
];
for (const [sentence, name, want] of names) test(sentence, () => assert.equal(normalizeName(name), want));

const refused: [name: string, message: string][] = [
  ['', 'invalid reference format'],
  ['Httpd', 'invalid reference format: repository name (library/Httpd) must be lowercase'],
  ['a:b:c', 'invalid reference format'],
  ['-x', 'invalid reference format'],
  ['a b', 'invalid reference format'],
  ['httpd@sha256:abc', 'invalid reference format'],
  [`httpd@sha256:${'a'.repeat(60)}`, 'invalid checksum digest length'],
  [`httpd@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
  ['a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
];
for (const [name, message] of refused) {
  test(`'${name}' is refused in the words of distribution`, () =>
    assert.throws(() => normalizeName(name), { message, reason: 'InvalidImageName' }));
}
