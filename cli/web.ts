import readline from 'node:readline';
import { createLogger } from '../src/base/log.ts';
import { watchObjects } from '../src/inspect/watch-objects.ts';
import { clusterState } from '../src/launch.ts';
import { adminKubeconfig, clusterClient } from './access.ts';
import { type Command, type Invocation, stringOption, UsageError } from './command.ts';
import { readAssets } from './web/assets.ts';
import { LiveFeed } from './web/live-feed.ts';
import { openBrowser } from './web/open-browser.ts';
import { pageFiles } from './web/page-files.ts';
import { type PageServer, servePage } from './web/page-server.ts';

export const command: Command = {
  options: { port: { type: 'string' }, 'no-open': { type: 'boolean' } },
  help: `
Serves the page on this machine's loopback address and opens it: a live map from Service to thread, and of the control
plane; with YAML, events, logs, a terminal, scaling, restarting and deleting. It runs until Ctrl-C.

The printed URL lets one browser in, once; press Enter for another. From elsewhere, take a tunnel:
ssh -L 8900:127.0.0.1:8900 HOST.

      --port PORT   default: 8900, or any free one if that is taken
      --no-open     only print the URL

examples:
  vitrine web
  vitrine web --name ci --port 9000 --no-open`,
  run: async (invocation) => {
    const { name, values, args, out } = invocation;
    if (args.length > 0) throw new UsageError(`unexpected argument "${args[0]}"`);
    const port = portOption(invocation);
    const client = clusterClient(name);
    const { paths, config } = clusterState(name);
    const onError = (message: string) => out.note(`vitrine web: ${message}`);
    const [assets, objects] = await Promise.all([
      pageFiles(() => out.progress('building the page …')).then(readAssets),
      watchObjects(client, createLogger('web', { level: 'warn' })),
    ]);
    const feed = new LiveFeed({ objects, cluster: name, onError });
    const access = adminKubeconfig(paths, config!);
    const serve = (at: number) => servePage({ port: at, client, access, feed, assets, onError });
    const server = await serve(port ?? defaultPort).catch((error: unknown) => {
      if (port !== undefined) throw error;
      return serve(0);
    });
    const url = server.newUrl();
    out.line(url);
    if (values['no-open'] !== true) openBrowser(url);
    await untilStopped(server, out);
    server.close();
    objects.stop();
    client.close();
    return 0;
  },
};

const defaultPort = 8900;

function portOption(invocation: Invocation): number | undefined {
  const text = stringOption(invocation, 'port');
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new UsageError(`--port "${text}": must be a number from 0 to 65535`);
  return port;
}

/** Until a signal; on a terminal, each line is the wish for another URL. */
function untilStopped(server: PageServer, out: Invocation['out']): Promise<void> {
  const lines = process.stdin.isTTY ? readline.createInterface({ input: process.stdin }) : undefined;
  lines?.on('line', () => out.line(server.newUrl()));
  return new Promise((resolve) => {
    const stop = () => {
      lines?.close();
      resolve();
    };
    lines?.on('SIGINT', stop);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  });
}
