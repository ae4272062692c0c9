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

  it('is for another Secret that says the same, and for the same one that says something else', async () => {
    const own = await pulled(secret('a'));
    assert.equal(await own.mustPull(app, id, [secret('a', 'changed')]), false);
    assert.equal(await own.mustPull(app, id, [secret('copy', 'changed')]), false);
    assert.equal(await own.mustPull(app, id, [secret('other', 'hash-a')]), true, 'that is no longer known');
  });

  it('is for no Secret that says something else once a hundred are known', async () => {
    const own = await pulled(secret('a'));
    for (let i = 1; i < 100; i++) await own.pulled(app, id, secret(`secret-${i}`));
    assert.equal(await own.mustPull(app, id, [secret('a', 'changed')]), true);
    assert.equal(await own.mustPull(app, id, [secret('copy', 'hash-a')]), false);
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

describe('after a while', () => {
  const files = (folder: string) => fs.readdirSync(path.join(directory, folder)).length;

  it('what is known of images that are gone is forgotten, unless they came back meanwhile', async () => {
    const own = await pulled(secret('a'));
    await own.pulled('registry.example.org/other:v1', 'sha256:2', undefined);
    const listedMs = Date.now() + 1;
    await own.prune(new Set([id, 'sha256:2']), listedMs);
    assert.equal(files('pulled'), 2);
    await own.prune(new Set(), listedMs - 60_000);
    assert.equal(files('pulled'), 2);
    await own.prune(new Set(['sha256:2']), listedMs);
    assert.equal(files('pulled'), 1);
    assert.equal(await own.mustPull(app, id, []), false, 'who brings it now is not us');
  });

  it('a pull that was not recorded any more counts as one of ours, with what nobody knows', async () => {
    await records().begin(app);
    await records().begin('registry.example.org/absent');
    const later = records();
    await later.open(async (name) => (name === app ? { id } : undefined));
    assert.equal(files('pulling'), 1);
    assert.equal(files('pulled'), 1);
    assert.equal(await later.mustPull(app, id, [secret('a')]), true);
    assert.equal(await later.mustPull('registry.example.org/renamed', id, []), true);
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
