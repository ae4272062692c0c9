import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readForeignContainer } from './foreign-containers.ts';

const id = 'c'.repeat(64);
const sandbox = 'a'.repeat(64);

/** State of CRI runtimes as their plugins write it: containerd's pkg/cri/annotations, CRI-O's pkg/annotations. */
const tasks: Record<string, Record<string, string>> = {
  [id]: {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': 'web',
    'io.kubernetes.cri.image-name': 'docker.io/library/nginx:1.25',
    'io.kubernetes.cri.sandbox-name': 'shop-1',
    'io.kubernetes.cri.sandbox-namespace': 'prod',
  },
  [sandbox]: {
    'io.kubernetes.cri.container-type': 'sandbox',
    'io.kubernetes.cri.sandbox-name': 'shop-1',
    'io.kubernetes.cri.sandbox-namespace': 'prod',
  },
};

test('containerd with CRI: a shim works in its bundle, beside which are those of the Pod’s other containers', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-tasks-'));
  const before = process.cwd();
  try {
    for (const [name, annotations] of Object.entries(tasks)) {
      fs.mkdirSync(path.join(directory, name));
      fs.writeFileSync(path.join(directory, name, 'config.json'), JSON.stringify({ annotations }));
    }
    // This process stands for the shim.
    process.chdir(path.join(directory, sandbox));
    const cmdline = ['/usr/bin/containerd-shim-runc-v2', '-namespace', 'k8s.io', '-id', sandbox];
    const monitor = { pid: process.pid, cmdline };
    const pod = 'prod/shop-1';
    assert.deepEqual(readForeignContainer({ id, runtime: 'containerd', monitor }), {
      name: 'web',
      image: 'docker.io/library/nginx:1.25',
      pod,
    });
    assert.deepEqual(readForeignContainer({ id: sandbox, runtime: 'kubernetes', monitor }), {
      name: 'pause',
      image: undefined,
      pod,
    });
  } finally {
    process.chdir(before);
    fs.rmSync(directory, { recursive: true });
  }
});

test('CRI-O: conmon names the bundle, whose annotations name everything', () => {
  const bundle = fs.mkdtempSync(path.join(os.tmpdir(), 'vitrine-bundle-'));
  try {
    const annotations = {
      'io.kubernetes.container.name': 'db',
      'io.kubernetes.cri-o.ImageName': 'quay.io/db:3',
      'io.kubernetes.pod.name': 'db-0',
      'io.kubernetes.pod.namespace': 'data',
    };
    fs.writeFileSync(path.join(bundle, 'config.json'), JSON.stringify({ annotations }));
    const cmdline = ['/usr/bin/conmon', '-b', bundle, '-c', id, '-n', `k8s_db_db-0_data_uid_0`];
    assert.deepEqual(readForeignContainer({ id, runtime: 'cri-o', monitor: { pid: process.pid, cmdline } }), {
      name: 'db',
      image: 'quay.io/db:3',
      pod: 'data/db-0',
    });
  } finally {
    fs.rmSync(bundle, { recursive: true });
  }
});

test('nothing is read for an id that is a path, and nothing is made up', () => {
  assert.equal(readForeignContainer({ id: '../../etc', runtime: 'docker' }), undefined);
  assert.equal(readForeignContainer({ id, runtime: 'docker' }), undefined);
});
