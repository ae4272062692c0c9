import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../base/errors.ts';
import { detectCgroups } from './cgroup-layout.ts';
import { parseMountInfo, readMountInfo } from './mountinfo.ts';
import { readText } from './read-text.ts';

/** What the node needs of its host. A parameter, so that tests can tell of other hosts. */
export interface HostFacts {
  platform: string;
  uid: number;
  /** Whether a program is on the PATH. */
  hasProgram(name: string): boolean;
  hasLibrary(soname: string): boolean;
  hasNamespace(kind: string): boolean;
  mountinfo: string;
  readControllers(directory: string): string;
}

/** Throws a UserError that says what to do when this host cannot run a node; takes a few milliseconds. */
export async function checkLinux(facts: HostFacts = hostFacts()): Promise<void> {
  if (facts.platform !== 'linux') throw new UserError(`${facts.platform} is not supported: a node needs Linux`);
  if (facts.uid !== 0) {
    // Rootless would take a user namespace for all of it, and another way out of it than links of the host (pasta, slirp4netns).
    throw new UserError('not root: a node makes network links, nftables rules and cgroups of the host', {
      hint: 'run it with sudo; rootless clusters are not supported',
    });
  }
  for (const program of ['crun', 'conmon']) {
    if (!facts.hasProgram(program)) throw missing(program, program);
  }
  if (!facts.hasLibrary('libnftables.so.1')) throw missing('libnftables', 'libnftables1');
  for (const kind of ['net', 'ipc', 'uts', 'pid', 'mnt']) {
    if (!facts.hasNamespace(kind))
      throw new UserError(`this kernel has no ${kind} namespaces`, { hint: 'use a kernel with CONFIG_NAMESPACES' });
  }
  checkCgroups(facts);
}

function missing(name: string, debianPackage: string): UserError {
  return new UserError(`${name} not found`, { hint: `install it with: apt-get install ${debianPackage}` });
}

function checkCgroups({ mountinfo, readControllers }: HostFacts): void {
  const tree = detectCgroups(mountinfo, readControllers);
  if (tree.roots.length === 0) {
    throw new UserError('unusable cgroup layout: no cgroup file system is mounted', {
      hint: 'mount it with: mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    });
  }
  const absent = ['cpu', 'memory', 'pids'].filter((name) => !tree.controllers[name]);
  if (absent.length > 0) {
    throw new UserError(`unusable cgroup layout: controller ${absent.join(', ')} is not available`, {
      hint: 'enable it on the kernel command line (cgroup_enable=memory)',
    });
  }
  const readOnly = parseMountInfo(mountinfo).find(
    ({ target, options }) => tree.roots.includes(target) && options.split(',').includes('ro'),
  );
  if (readOnly) {
    throw new UserError(`unusable cgroup layout: ${readOnly.target} is mounted read-only`, {
      hint: 'in a container, start it with --privileged',
    });
  }
}

function hostFacts(): HostFacts {
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    hasProgram: (name) => findProgram(name) !== undefined,
    hasLibrary,
    hasNamespace: (kind) => fs.existsSync(`/proc/self/ns/${kind}`),
    mountinfo: readMountInfo(),
    readControllers: (directory) => readText(path.join(directory, 'cgroup.controllers')),
  };
}

/** The path of a program, as execvp(3) finds it; /usr/sbin too, which sudo may leave out. */
export function findProgram(name: string): string | undefined {
  const directories = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/usr/bin`.split(':').filter(Boolean);
  return directories.map((directory) => path.join(directory, name)).find((file) => isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Looks where the dynamic linker looks by default (ld.so(8)) and where Debian puts libraries of an architecture. */
function hasLibrary(soname: string): boolean {
  const tuples = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '.'];
  const directories = ['/usr/lib', '/lib', '/usr/lib64', '/lib64', '/usr/local/lib'];
  return directories.some((directory) => tuples.some((tuple) => fs.existsSync(path.join(directory, tuple, soname))));
}
