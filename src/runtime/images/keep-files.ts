import path from 'node:path';
import { wildcard } from './debian-packages.ts';
import { elfNeeded } from './elf-needed.ts';
import { canonical, type FileTree } from './file-tree.ts';

const docs =
  /^usr\/(share\/(doc|man|info|lintian|linda|bug|locale|help|gtk-doc|menu|bash-completion)|games)(\/|$)|^usr\/lib\/[^/]+\/(?:.*\.a|perl.*\/auto\/.*\.bs)$/;

/** Whether a package's file belongs into an image: no documentation, manual pages, translations or static libraries. */
export function belongsInImage(file: string): boolean {
  return !docs.test(file);
}

/**
 * Reduces the tree to the files that patterns name ('/usr/sbin/apache2', '/usr/lib/apache2/modules/*') and what those
 * need: targets of symbolic links, ELF interpreters and shared libraries.
 */
export function keepOnly(tree: FileTree, patterns: string[]): void {
  const libraries = librariesByName(tree);
  const kept = new Set<string>();
  const missing: string[] = [];
  const keep = (file: string): void => {
    const node = tree.nodes.get(file);
    if (!node || kept.has(file)) return;
    kept.add(file);
    if (node.type === 'symlink') keep(canonical(path.posix.resolve('/', path.posix.dirname(file), node.link ?? '')));
    if (node.type === 'link') keep(node.link ?? '');
    if (node.type !== 'file') return;
    const needs = elfNeeded(tree.read(file));
    if (needs?.interpreter) keep(canonical(needs.interpreter));
    for (const library of needs?.libraries ?? []) {
      const place = libraries.get(library);
      if (place) keep(place);
      else missing.push(`${library} (needed by /${file})`);
    }
  };
  for (const pattern of patterns) {
    const expression = wildcard(canonical(pattern));
    const matches = [...tree.nodes.keys()].filter((file) => expression.test(file));
    if (matches.length === 0) throw new Error(`no package has a file '${pattern}'`);
    for (const file of matches) keep(file);
  }
  if (missing.length > 0) throw new Error(`shared libraries are missing: ${missing.join(', ')}`);
  for (const file of [...tree.nodes.keys()]) if (!kept.has(file)) tree.nodes.delete(file);
}

/** The dynamic linker's default directories: /usr/lib/<triplet> and /usr/lib. */
function librariesByName(tree: FileTree): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of tree.nodes.keys()) {
    if (/^usr\/lib(64)?\/([^/]+-linux-[^/]+\/)?[^/]+\.so(\.[^/]+)?$/.test(file))
      found.set(path.posix.basename(file), file);
  }
  return found;
}
