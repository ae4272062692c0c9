import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { kubeletConfiguration } from '../configuration.ts';
import { PullRecords, type Verification } from './pull-records.ts';

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'records-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

const records = (policy: Verification['policy'] = 'NeverVerifyPreloadedImages', allowlist: string[] = []) =>
  new PullRecords(directory, { policy, allowlist });
const secret = (name: string, credentialHash = `hash-${name}`) => ({
  ...{ uid: `uid-${name}`, namespace: 'default', name, credentialHash },
});
const app = 'registry.example.org/app:v1';
const id = 'sha256:1';

async function pulled(by: ReturnType<typeof secret> | undefined): Promise<PullRecords> {
  const own = records();
  await own.begin(app);
  await own.pulled(app, id, by);
  return own;
}

describe('an image that is there already', () => {
  it('is for whoever shows the Secret with which it was pulled, also under another tag and after a restart', async () => {
    await pulled(secret('a'));
    const later = records();
    assert.equal(await later.mustPull(app, id, []), true);
    assert.equal(await later.mustPull(app, id, [secret('b')]), true);
    assert.equal(await later.mustPull(app, id, [secret('b'), secret('a')]), false);
    assert.equal(await later.mustPull('registry.example.org/app@sha256:2', id, [secret('a')]), false);
    assert.equal(await later.mustPull('registry.example.org/other:v1', id, [secret('a')]), true, 'another repository');
  });

  it('is for another Secret that says the same, and not for the old one that says something else', async () => {
    const own = await pulled(secret('a'));
    assert.equal(await own.mustPull(app, id, [secret('copy', 'hash-a')]), false);
    assert.equal(await own.mustPull(app, id, [secret('a', 'changed')]), true);
    await own.begin(app);
    await own.pulled(app, id, secret('a', 'changed'));
    assert.equal(await own.mustPull(app, id, [secret('a', 'changed')]), false);
  });

  it('is for all once it could be had without', async () => {
    const own = await pulled(undefined);
    assert.equal(await own.mustPull(app, id, []), false);
    await own.begin(app);
    await own.pulled(app, id, secret('a'));
    assert.equal(await own.mustPull(app, id, []), false);
  });

  it('counts as brought by others only if no pull of it was under way', async () => {
    assert.equal(await records().mustPull(app, id, []), false);
    await records().begin(app);
    assert.equal(await records().mustPull(app, id, []), true, 'we died meanwhile');
  });

  it('leaves no intent behind, whether the pull fails or not', async () => {
    const own = records();
    await own.begin(app);
    await own.begin(app);
    await own.failed(app);
    assert.equal(fs.readdirSync(path.join(directory, 'pulling')).length, 1);
    await own.pulled(app, id, secret('a'));
    assert.equal(fs.readdirSync(path.join(directory, 'pulling')).length, 0);
    const [file = ''] = fs.readdirSync(path.join(directory, 'pulled'));
    assert.equal(fs.statSync(path.join(directory, 'pulled', file)).mode & 0o777, 0o600);
  });
});

describe('the policy', () => {
  const rows: [Verification['policy'], string[], boolean, boolean][] = [
    ['NeverVerify', [], false, false],
    ['NeverVerifyPreloadedImages', [], false, true],
    ['NeverVerifyAllowlistedImages', ['registry.example.org/app'], false, true],
    ['NeverVerifyAllowlistedImages', ['registry.example.org/*'], false, true],
    ['NeverVerifyAllowlistedImages', ['registry.example.org/a'], true, true],
    ['AlwaysVerify', [], true, true],
  ];
  for (const [policy, allowlist, preloaded, ofOthers] of rows)
    it(`${policy} ${allowlist}`, async () => {
      assert.equal(await records(policy, allowlist).mustPull(app, id, []), preloaded);
      await pulled(secret('a'));
      assert.equal(await records(policy, allowlist).mustPull(app, id, []), ofOthers);
    });

  it('is as Kubernetes has it by default, and checked', () => {
    assert.deepEqual(kubeletConfiguration({}).imageVerification, {
      policy: 'NeverVerifyPreloadedImages',
      allowlist: [],
    });
    const wrong = { imagePullCredentialsVerificationPolicy: 'Sometimes' };
    assert.throws(() => kubeletConfiguration(wrong), /must be one of: NeverVerify, NeverVerifyPreloadedImages/);
    const list = { preloadedImagesVerificationAllowlist: ['a'] };
    assert.throws(() => kubeletConfiguration(list), /can't set preloadedImagesVerificationAllowlist/);
  });
});
