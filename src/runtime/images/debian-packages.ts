import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Linux } from '../../linux/linux.ts';
import { ImageError } from '../runtime.ts';

const environment = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' } as Record<string, string>;

/**
 * Downloads packages and all they depend on, as apt resolves them on an empty system, and returns the .deb files. apt
 * verifies them against the signed indices. Packages whose name fits a pattern of `skip` ('perl*') are left out.
 */
export async function downloadPackages(
  linux: Linux,
  packages: string[],
  skip: string[],
  dir: string,
  progress: (line: string) => void,
): Promise<string[]> {
  for (const name of packages) {
    if (!/^[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?(=\S+)?$/.test(name)) {
      throw new ImageError('ImageBuildFailed', `"${name}" is no name of a Debian package`);
    }
  }
  mkdirSync(dir, { recursive: true });
  const closure = await resolveClosure(linux, packages, dir, progress);
  const skipped = skip.map(wildcard);
  const wanted = closure.filter(({ name }) => !skipped.some((pattern) => pattern.test(name)));
  progress(`downloading ${wanted.length} packages`);
  const names = wanted.map(({ name, version }) => `${name}=${version}`);
  const downloadDir = path.join(dir, 'debs');
  mkdirSync(downloadDir);
  await apt(linux, ['download', '-o', 'APT::Sandbox::User=root', ...names], downloadDir);
  return wanted.map(({ file }) => path.join(downloadDir, file));
}

/** 'a*b' as a pattern over whole names. */
export function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}

interface PackageFile {
  name: string;
  version: string;
  file: string;
}

async function resolveClosure(
  linux: Linux,
  packages: string[],
  dir: string,
  progress: (line: string) => void,
): Promise<PackageFile[]> {
  const status = path.join(dir, 'status');
  writeFileSync(status, '');
  const command = [
    'install',
    '--print-uris',
    '--yes',
    '--quiet=2',
    '--no-install-recommends',
    '-o',
    `Dir::State::status=${status}`,
    // A cached archive would be left out of the list.
    '-o',
    `Dir::Cache::archives=${dir}/none`,
    ...packages,
  ];
  mkdirSync(path.join(dir, 'none/partial'), { recursive: true });
  let output: string;
  try {
    output = await apt(linux, command, dir);
  } catch (error) {
    if (!/Unable to locate package|has no installation candidate/.test((error as Error).message)) throw error;
    progress('updating the package lists');
    await apt(linux, ['update', '--quiet=2'], dir);
    output = await apt(linux, command, dir);
  }
  return output.split('\n').flatMap((line) => {
    const file = /^'[^']+' (\S+) \d+/.exec(line)?.[1];
    const [name, version] = file?.split('_') ?? [];
    // apt writes the colon of an epoch as %3a in file names.
    return file && name && version ? [{ name, version: decodeURIComponent(version), file }] : [];
  });
}

async function apt(linux: Linux, args: string[], cwd: string): Promise<string> {
  const result = await linux.processes.run(['apt-get', ...args], { env: environment, cwd }).catch((error) => {
    throw new ImageError('ImageBuildFailed', 'image build needs apt-get, which cannot be started', error);
  });
  if (result.code !== 0) {
    const lines = result.stderr.split('\n').filter((line) => line.startsWith('E: '));
    const reason = (lines.length > 0 ? lines.join('; ') : result.stderr).trim().replaceAll('E: ', '');
    throw new ImageError('ImageBuildFailed', `apt-get ${args[0]} failed with exit code ${result.code}: ${reason}`);
  }
  return result.stdout;
}
