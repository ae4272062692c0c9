import { UserError } from '../src/base/errors.ts';
import type { Client } from '../src/client/client.ts';
import { type Look, type LookNode, look } from '../src/inspect/look/look.ts';
import { printable } from '../src/inspect/printable.ts';
import { readSnapshot } from '../src/inspect/snapshot.ts';
import { clusterClient } from './access.ts';
import { drawTrees, type TextNode } from './box-tree.ts';
import { type Command, type Invocation, type Output, stringOption, UsageError, wantsJson } from './command.ts';
import { createStyle, type Style } from './style.ts';
import { intervalOption, showJson, showView, watchOptions } from './watch-view.ts';

export const command: Command = {
  options: {
    namespace: { type: 'string', short: 'n' },
    output: { type: 'string', short: 'o' },
    ...watchOptions,
    watch: { type: 'boolean', short: 'w' },
  },
  help: `
Shows everything about one thing: what it is part of, what it is, what is part of it. X may be

  1234                      a process or a thread
  :80, udp:53, 10.0.0.1:80  a port: who listens there, which Service leads there
  10.67.0.5                 an address of a Pod, Service or node
  /run/x.sock, @name        a UNIX socket
  socket:[39790]            a socket by its inode, as /proc/PID/fd has it
  /var/lib/x                a file or directory: who has it open, runs it, maps it, works in it
  /system.slice/x.service   a cgroup, also below /sys/fs/cgroup
  4026531840, net:[…]       a namespace by its inode
  pod/web, svc/shop         an object of the cluster (all namespaces)
  8c2f01…, web              a container by id or name, of any runtime; an object, an image, a systemd unit, a command

  -n, --namespace NS        objects of this namespace only
  -o, --output json         for programs; docs/json.md has the schema
  -w, --watch               again every 2 seconds (-d SECONDS) until ^C

It works without a cluster, and shows less when not root.

examples:
  vitrine look :80
  vitrine look 4711
  vitrine look /var/log/syslog`,
  run: async (invocation) => {
    const [text, ...more] = invocation.args;
    if (text === undefined || more.length > 0) throw new UsageError('give one thing to look at');
    const json = wantsJson(invocation);
    return showView(invocation, intervalOption(invocation), (out) => showLook(invocation, out, text, json));
  },
};

async function showLook(invocation: Invocation, out: Output, text: string, json: boolean): Promise<undefined> {
  const client = optionalClient(invocation.name);
  const isAsked = !(client instanceof UserError);
  try {
    const snapshot = await readSnapshot(isAsked ? { client, objects: 'all' } : {});
    const found = look(text, snapshot, stringOption(invocation, 'namespace'));
    if (found.length === 0)
      throw new UserError(`"${text}": there is no such process, thread, port, file, container or object`, {
        hint: `${isAsked ? '' : `only this host was asked, as ${client.message}; `}'vitrine look --help' shows what X may be`,
      });
    if (json) {
      const takenAt = new Date(snapshot.takenAtMs).toISOString();
      return showJson(invocation, out, { schema: 'vitrine/look/v1', takenAt, asked: text, found }) as undefined;
    }
    const style = createStyle(out.colour);
    for (const [i, one] of found.slice(0, 20).entries()) {
      if (i > 0) out.line();
      for (const line of drawTrees([toTree(one, style)], out.columns)) out.line(line);
    }
    if (found.length > 20) out.line(style.dim(`… and ${found.length - 20} more`));
    return undefined;
  } finally {
    if (isAsked) client.close();
  }
}

/** Without a cluster there is still the host: why there is none. */
function optionalClient(name: string): Client | UserError {
  try {
    return clusterClient(name);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** What it is part of, each below the one that contains it; then it, its facts and its parts. */
function toTree({ title, above, facts, below }: Look, style: Style): TextNode {
  const width = Math.max(0, ...facts.map(({ name }) => name.length));
  const self: TextNode = {
    text: style.name(printable(title)),
    children: [
      ...facts.map(({ name, value }) => ({
        text: `${style.dim(name.padEnd(width))}  ${printable(value)}`,
        children: [],
      })),
      ...below.map((node) => toText(node, style)),
    ],
  };
  return above.reduceRight<TextNode>((child, node) => ({ text: printable(node.text), children: [child] }), self);
}

function toText({ type, text, children }: LookNode, style: Style): TextNode {
  const shown = type === 'group' ? style.kind(text) : printable(text);
  return { text: shown, children: children.map((child) => toText(child, style)) };
}
