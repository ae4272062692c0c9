import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../base/errors.ts';
import { type CgroupTree, detectCgroups, leftoverControllers, ownMountSource } from './cgroup-layout.ts';
import { planCgroupWrites, readUsageV1, readUsageV2 } from './cgroup-limits.ts';
import type { CgroupLimits, CgroupUsage } from './linux.ts';
import { parseMountInfo, readMountInfo } from './mountinfo.ts';
import { mount, unmount } from './mounts.ts';
import { readText } from './read-text.ts';

/** The cgroup file systems, used from the kernel thread. A path is one cgroup in every hierarchy at once. */
export function detect(): CgroupTree {
  return detectCgroups(readMountInfo(), (directory) => readOr(path.join(directory, 'cgroup.controllers')));
}

/**
 * Moves controllers that a hybrid layout left in v2 into v1 hierarchies of their own, as crun 1.8 needs it, and mounts those that
 * are in v1 hierarchies which nobody has mounted any more: crun would make directories where they are not.
 */
export function mountLeftovers(tree: CgroupTree): CgroupTree {
  const leftovers = leftoverControllers(tree, readText('/proc/self/cgroup'));
  if (leftovers.length === 0) return tree;
  for (const name of leftovers) {
    const target = path.join(path.dirname(tree.roots[0]!), name);
    fs.mkdirSync(target, { recursive: true });
    try {
      mount({ source: ownMountSource, target, type: 'cgroup', flags: ['nosuid', 'nodev', 'noexec'], data: name });
    } catch (cause) {
      fs.rmdirSync(target);
      throw new UserError(
        `unusable cgroup layout: controller '${name}' is in use in the v2 hierarchy of a hybrid layout`,
        {
          hint: 'boot with systemd.unified_cgroup_hierarchy=1, or disable the controller there',
          cause,
        },
      );
    }
  }
  return detect();
}

/** Gives back the hierarchies that `mountLeftovers` mounted, unless a cgroup is left in one (of another cluster). */
export function unmountLeftovers(): void {
  const own = parseMountInfo(readMountInfo()).filter(
    ({ type, source }) => type === 'cgroup' && source === ownMountSource,
  );
  for (const { target } of own) {
    if (childrenOf(target).length > 0) continue;
    unmount(target);
    fs.rmdirSync(target);
  }
}

export function createCgroup(tree: CgroupTree, cgroup: string, limits?: CgroupLimits): void {
  const relative = checked(cgroup);
  if (tree.own.some((root) => !fs.existsSync(path.join(root, 'cgroup.procs')))) mountLeftovers(detect());
  for (const root of tree.roots) {
    if (tree.version === 'v2') enableControllers(root, relative);
    const directory = path.join(root, relative);
    if (root === tree.controllers.cpuset && root !== tree.unified) makeCpuset(root, relative);
    else fs.mkdirSync(directory, { recursive: true });
  }
  if (limits) updateCgroup(tree, cgroup, limits);
}

/** v2: a controller reaches a cgroup when every ancestor lists it in cgroup.subtree_control. */
function enableControllers(root: string, relative: string): void {
  const wanted = readOr(path.join(root, 'cgroup.controllers')).split(/\s+/).filter(Boolean);
  let directory = root;
  for (const part of relative.split('/').filter(Boolean)) {
    const enabled = new Set(readOr(path.join(directory, 'cgroup.subtree_control')).split(/\s+/));
    for (const name of wanted.filter((controller) => !enabled.has(controller))) {
      try {
        fs.writeFileSync(path.join(directory, 'cgroup.subtree_control'), `+${name}`);
      } catch {
        // A controller that cannot be delegated here (EBUSY, ENOTSUP); limits that need it will say so.
      }
    }
    directory = path.join(directory, part);
    if (!fs.existsSync(directory)) fs.mkdirSync(directory);
  }
}

/**
 * v1 cpusets start empty and take no process until they have processors and memory nodes. Those below one that was filled
 * here get its own from the kernel (cgroup.clone_children; Documentation/admin-guide/cgroup-v1/cgroups.rst), crun's too:
 * every write to a cpuset makes the scheduler think anew.
 */
function makeCpuset(root: string, relative: string): void {
  const isEmpty = (directory: string) => readOr(path.join(directory, 'cpuset.cpus')).trim() === '';
  fs.mkdirSync(path.join(root, relative), { recursive: true });
  if (!isEmpty(path.join(root, relative))) return;
  let directory = root;
  for (const part of relative.split('/').filter(Boolean)) {
    const parent = directory;
    directory = path.join(directory, part);
    if (!isEmpty(directory)) continue;
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      fs.writeFileSync(path.join(directory, file), readOr(path.join(parent, file)).trim());
    fs.writeFileSync(path.join(directory, 'cgroup.clone_children'), '1');
  }
}

export function updateCgroup(tree: CgroupTree, cgroup: string, limits: CgroupLimits): void {
  const relative = checked(cgroup);
  for (const { controller, file, value } of planCgroupWrites(limits, tree.version === 'v2')) {
    const root = tree.controllers[controller];
    if (!root) throw new Error(`cannot set ${file} of ${cgroup}: the ${controller} controller is not available`);
    const target = path.join(root, relative, file);
    try {
      fs.writeFileSync(target, value);
    } catch (cause) {
      throw new Error(`cannot write '${value}' to ${target}`, { cause });
    }
  }
}

/**
 * Removes, and kills what stands in the way: to look for processes first would cost 20 reads even where there are none. A
 * killed process leaves its cgroup a moment later, so removal is tried again for up to 5 s.
 */
export async function removeCgroup(tree: CgroupTree, cgroup: string): Promise<void> {
  const relative = checked(cgroup);
  const deadline = Date.now() + 5000;
  for (let delayMs = 1; ; delayMs = Math.min(delayMs * 2, 50)) {
    const left = tree.roots.filter((root) => !removeTree(path.join(root, relative)));
    if (left.length === 0) return;
    for (const root of left) killAll(path.join(root, relative));
    if (Date.now() > deadline) throw new Error(`cannot remove cgroup ${cgroup}: still in use after 5 s`);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

function killAll(directory: string): void {
  for (const pid of processesBelow(directory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
}

function processesBelow(directory: string): number[] {
  const own = readOr(path.join(directory, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
  // 0 stands for a process outside our PID namespace; we ourselves are never to be killed.
  const pids = own.filter((pid) => pid > 0 && pid !== process.pid);
  return [...pids, ...childrenOf(directory).flatMap(processesBelow)];
}

/** Whether `directory` is gone. */
function removeTree(directory: string): boolean {
  try {
    fs.rmdirSync(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
  }
  const clear = childrenOf(directory).map(removeTree).every(Boolean);
  if (!clear) return false;
  try {
    fs.rmdirSync(directory);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function childrenOf(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(directory, entry.name));
  } catch {
    return [];
  }
}

export function childCgroups(tree: CgroupTree, cgroup: string): string[] {
  const names = tree.roots
    .flatMap((root) => childrenOf(path.join(root, checked(cgroup))))
    .map((one) => path.basename(one));
  return [...new Set(names)];
}

/** Pids in the cgroup itself (not below), from the hierarchy that says who belongs where: v2 if there is one. */
export function cgroupProcesses(tree: CgroupTree, cgroup: string): number[] {
  const pids = tree.roots.flatMap((root) => readOr(path.join(root, checked(cgroup), 'cgroup.procs')).split('\n'));
  return [...new Set(pids.filter(Boolean).map(Number))];
}

export function cgroupUsage(tree: CgroupTree, cgroup: string): CgroupUsage {
  const relative = checked(cgroup);
  const read = (controller: string, file: string) => {
    const root = tree.controllers[controller] ?? tree.unified;
    return root ? readOr(path.join(root, relative, file)) : '';
  };
  return tree.version === 'v2' ? readUsageV2(read) : readUsageV1(read);
}

export function enterCgroup(tree: CgroupTree, cgroup: string, pid: number): void {
  for (const file of cgroupProcsFiles(tree, cgroup)) fs.writeFileSync(file, String(pid));
}

export function cgroupProcsFiles(tree: CgroupTree, cgroup: string): string[] {
  return tree.roots.map((root) => path.join(root, checked(cgroup), 'cgroup.procs'));
}

/** The path below a root; never the root itself, which nobody may limit or remove. */
function checked(cgroup: string): string {
  const normal = path.posix.normalize(`/${cgroup}`).replace(/\/+$/, '');
  if (normal === '' || cgroup.split('/').includes('..')) throw new Error(`invalid cgroup path '${cgroup}'`);
  return normal;
}

function readOr(file: string, otherwise = ''): string {
  try {
    return readText(file);
  } catch {
    return otherwise;
  }
}
