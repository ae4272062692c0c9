import fs from 'node:fs';

/** User names by uid, from passwd(5). Users of other sources (LDAP) are shown by number, as ps does when it cannot ask. */
export function readUsers(file = '/etc/passwd'): Map<number, string> {
  const users = new Map<number, string>();
  let text = '';
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return users; // a host without one
  }
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid && !users.has(Number(uid))) users.set(Number(uid), name);
  }
  return users;
}
