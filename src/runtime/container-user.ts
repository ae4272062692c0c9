import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Ids of a process, as the OCI runtime spec has them. */
export interface ProcessUser {
  uid: number;
  gid: number;
  additionalGids: number[];
}

/** The two files of an image that name users and groups; empty if absent. */
export interface UserFiles {
  passwd: string;
  group: string;
}

/** Reads /etc/passwd and /etc/group from an image's layers, topmost first, never through a symbolic link. */
export function readUserFiles(layers: string[]): UserFiles {
  const read = (name: string): string => {
    for (const layer of layers) {
      const etc = lstatSync(path.join(layer, 'etc'), { throwIfNoEntry: false });
      if (!etc?.isDirectory()) continue;
      const file = path.join(layer, 'etc', name);
      const stats = lstatSync(file, { throwIfNoEntry: false });
      if (stats?.isFile() && stats.size < 4 << 20) return readFileSync(file, 'utf8');
      if (stats) return '';
    }
    return '';
  };
  return { passwd: read('passwd'), group: read('group') };
}

/**
 * 'user', 'uid', 'user:group', … to numbers, as docker and containerd read an image's User (moby/sys/user
 * GetExecUser): names must exist, numbers need not; without a group the user's own and those that list it.
 */
export function resolveUser(
  user: string,
  files: UserFiles,
  supplementalGroups: number[],
  { onlyListedGroups = false } = {},
): ProcessUser {
  const [name = '', groupName = ''] = user.split(':');
  const users = rows(files.passwd).map(([login, , uid, gid]) => ({ login, uid: Number(uid), gid: Number(gid) }));
  const groups = rows(files.group).map(([group, , gid, members = '']) => ({
    group,
    gid: Number(gid),
    members: members.split(','),
  }));
  const wanted = name === '' ? '0' : name;
  const byName = users.find(({ login }) => login === wanted);
  const found = byName ?? users.find(({ uid }) => isNumber(wanted) && uid === Number(wanted));
  if (!found && !isNumber(wanted)) throw new Error(`unable to find user ${wanted}: no matching entries in passwd file`);
  const uid = found?.uid ?? toId(wanted);
  let gid = found?.gid ?? 0;
  const own = found
    ? groups.filter(({ members }) => members.includes(found.login ?? '')).map((group) => group.gid)
    : [];
  let additional = onlyListedGroups ? [] : own;
  if (groupName !== '') {
    const group = groups.find((row) => row.group === groupName);
    if (!group && !isNumber(groupName)) {
      throw new Error(`unable to find group ${groupName}: no matching entries in group file`);
    }
    gid = group?.gid ?? toId(groupName);
    additional = [];
  }
  return { uid, gid, additionalGids: [...new Set([gid, ...additional, ...supplementalGroups])] };
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

function toId(text: string): number {
  const id = Number(text);
  if (id > 0x7fffffff) throw new Error(`uids and gids must be in range 0-2147483647, not ${text}`);
  return id;
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}
