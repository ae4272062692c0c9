import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { readRegistryHosts } from './hosts-toml.ts';
import { parseToml } from './toml.ts';

describe('TOML as hosts.toml is written in', () => {
  it('is read', () => {
    const text = `
# of containerd's documentation
server = "https://registry-1.docker.io"   # upstream

[host."https://mirror.example.org:5000"]
  capabilities = ["pull", "resolve"]
  ca = ['/a\\b.crt', "c\\u00e9.crt"]
  skip_verify = true
  client = [["/x.cert", "/x.key"],
    ["/y.pem", ""],  # both in one
  ]
  dial.timeout = 1_000
  [host."https://mirror.example.org:5000".header]
    x-one = "1"
[other]
`;
    assert.deepEqual(parseToml(text), {
      server: 'https://registry-1.docker.io',
      host: {
        'https://mirror.example.org:5000': {
          capabilities: ['pull', 'resolve'],
          ca: ['/a\\b.crt', 'cé.crt'],
          skip_verify: true,
          client: [
            ['/x.cert', '/x.key'],
            ['/y.pem', ''],
          ],
          dial: { timeout: 1000 },
          header: { 'x-one': '1' },
        },
      },
      other: {},
    });
  });

  for (const [what, text, message] of [
    ['a key twice', 'a = 1\na = 2', /line 2: key "a" is given twice/],
    ['something behind a value', 'a = 1 b = 2', /line 1: end of line expected/],
    ['a string without end', 'a = "x', /line 1: the end of a string expected/],
    ['dates', 'a = 2020-01-01', /line 1: value 2020-01-01 is not supported/],
    ['arrays of tables', '[[a]]', /arrays of tables are not supported/],
    ['a value that is a table', 'a = 1\n[a.b]', /"a" is not a table/],
  ] as const)
    it(`is refused with ${what}`, () => assert.throws(() => parseToml(text), message));
});

describe('a directory of hosts', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hosts-'));
  after(() => fs.rmSync(directory, { recursive: true }));
  const write = (folder: string, name: string, text: string) => {
    fs.mkdirSync(path.join(directory, folder), { recursive: true });
    fs.writeFileSync(path.join(directory, folder, name), text);
  };

  it('says nothing of what it does not know', () => assert.equal(readRegistryHosts(directory, 'quay.io'), undefined));

  it('has mirrors in their order, and the registry itself last', () => {
    write(
      'docker.io',
      'hosts.toml',
      '[host."https://one"]\ncapabilities = ["pull"]\n[host."two:5000"]\nca = "own.crt"',
    );
    const hosts = readRegistryHosts(directory, 'docker.io')!;
    assert.deepEqual(
      hosts.map(({ url, resolve, isServer }) => [url.host, resolve, isServer]),
      [
        ['one', false, false],
        ['two:5000', true, false],
        ['registry-1.docker.io', true, true],
      ],
    );
    assert.deepEqual(hosts[1]?.ca, [path.join(directory, 'docker.io/own.crt')]);
  });

  it('may have a folder with the port between lines, and one for all others', () => {
    write('a.example_5000_', 'hosts.toml', 'server = "https://b.example"\nskip_verify = true');
    assert.deepEqual(
      readRegistryHosts(directory, 'a.example:5000')?.map(({ url, insecure }) => [url.host, insecure]),
      [['b.example', true]],
    );
  });

  it("may have docker's files instead", () => {
    write('c.example', 'ca.crt', 'pem');
    write('c.example', 'client.cert', 'pem');
    const [host] = readRegistryHosts(directory, 'c.example')!;
    assert.deepEqual(host?.ca, [path.join(directory, 'c.example/ca.crt')]);
    assert.deepEqual(host?.client, [
      [path.join(directory, 'c.example/client.cert'), path.join(directory, 'c.example/client.key')],
    ]);
  });

  it('names the file that cannot be read', () => {
    write('_default', 'hosts.toml', 'server = ');
    assert.throws(() => readRegistryHosts(directory, 'z.example'), /_default\/hosts\.toml: line 1: a value expected/);
  });
});
