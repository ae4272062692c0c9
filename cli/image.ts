import { withImageStore } from '../src/cluster.ts';
import { size } from '../src/inspect/size.ts';
import type { Images } from '../src/runtime/runtime.ts';
import { type Command, type Invocation, listOption, type Output, stringOption, UsageError } from './command.ts';
import { formatTable } from './output.ts';

export const command: Command = {
  options: {
    apt: { type: 'string', multiple: true },
    cmd: { type: 'string' },
    tag: { type: 'string', short: 't' },
    output: { type: 'string', short: 'o' },
    username: { type: 'string', short: 'u' },
    password: { type: 'string', short: 'p' },
    env: { type: 'string', multiple: true },
    expose: { type: 'string', multiple: true },
    user: { type: 'string' },
    workdir: { type: 'string' },
    'stop-signal': { type: 'string' },
    copy: { type: 'string', multiple: true },
    recipe: { type: 'string' },
    all: { type: 'boolean', short: 'a' },
  },
  help: `
The node's image store, shared by all clusters of this machine.

  vitrine image pull NAME [-u USER -p PASSWORD]
  vitrine image load FILE...             docker-archive or OCI archive (tar, tar.gz), or an OCI layout folder
  vitrine image build --apt PKG... --cmd 'PROGRAM ARG…' -t NAME
                                         a small image from Debian packages; --env K=V, --expose PORT/tcp, --user U,
                                         --workdir DIR, --stop-signal S, --copy HOSTPATH:PATH; --recipe httpd
  vitrine image ls [-o json]
  vitrine image tag NAME NEWNAME
  vitrine image save NAME FILE
  vitrine image rm NAME...
  vitrine image prune [-a]               images without a tag that no container uses, with -a all that none uses

What docker, podman or buildah of this machine have built needs no push: a Pod that names it gets it. Mirrors,
certificates and logins of registries: docs/images.md.

examples:
  vitrine image pull httpd:latest
  vitrine image build --apt busybox-static --cmd 'busybox httpd -f' -t busybox-httpd`,
  run: async (invocation) => {
    const [action, ...args] = invocation.args;
    const run = action ? actions[action] : undefined;
    if (!run) throw new UsageError(`unknown image command "${action ?? ''}"`);
    await withImageStore(invocation.name, (images) => run(images, args, invocation));
    return 0;
  },
};

type Action = (images: Images, args: string[], invocation: Invocation) => Promise<void>;

const actions: Record<string, Action> = { pull, load, build, ls, tag, save, rm, prune };

async function pull(images: Images, args: string[], invocation: Invocation): Promise<void> {
  const name = one(args, 'NAME');
  const username = stringOption(invocation, 'username');
  const credentials = username ? [{ username, password: stringOption(invocation, 'password') }] : undefined;
  const image = await images.pull(name, { credentials, onProgress: pullProgress(invocation.out) });
  invocation.out.line(`${image.names[0] ?? name}: ${image.id} (${size(image.sizeBytes)})`);
}

/** A progress line for a pull: all layers together. */
export function pullProgress(
  out: Output,
): (progress: { layer: string; doneBytes: number; totalBytes: number }) => void {
  const layers = new Map<string, { doneBytes: number; totalBytes: number }>();
  return ({ layer, doneBytes, totalBytes }) => {
    layers.set(layer, { doneBytes, totalBytes });
    const sum = (key: 'doneBytes' | 'totalBytes') => [...layers.values()].reduce((total, one) => total + one[key], 0);
    out.progress(`pulling: ${size(sum('doneBytes'))} of ${size(sum('totalBytes'))}`);
  };
}

async function load(images: Images, args: string[], { out }: Invocation): Promise<void> {
  if (args.length === 0) throw new UsageError('give at least one FILE');
  for (const file of args)
    for (const image of await images.load(file)) out.line(`${image.names.join(', ') || '<none>'}: ${image.id}`);
}

async function build(images: Images, args: string[], invocation: Invocation): Promise<void> {
  const recipe = stringOption(invocation, 'recipe');
  const { recipes } = await import('../src/runtime/images/recipes/all.ts');
  const known = recipe === undefined ? undefined : recipes[recipe];
  if (recipe !== undefined && !known)
    throw new UsageError(`--recipe "${recipe}": known ones are ${Object.keys(recipes).join(', ')}`);
  const name = stringOption(invocation, 'tag') ?? known?.name;
  if (!name) throw new UsageError('give a name: -t NAME');
  const packages = [...listOption(invocation, 'apt'), ...args].flatMap((word) => word.split(','));
  if (!known && packages.length === 0) throw new UsageError('give packages: --apt PKG');
  const image = await images.build({
    ...(known ?? { packages }),
    name,
    ...(stringOption(invocation, 'cmd') ? { cmd: words(stringOption(invocation, 'cmd') as string) } : {}),
    ...(listOption(invocation, 'env').length > 0 ? { env: listOption(invocation, 'env') } : {}),
    ...(listOption(invocation, 'expose').length > 0 ? { expose: listOption(invocation, 'expose') } : {}),
    ...(listOption(invocation, 'copy').length > 0 ? { copy: listOption(invocation, 'copy').map(copyPair) } : {}),
    ...(stringOption(invocation, 'user') ? { user: stringOption(invocation, 'user') } : {}),
    ...(stringOption(invocation, 'workdir') ? { workingDir: stringOption(invocation, 'workdir') } : {}),
    ...(stringOption(invocation, 'stop-signal') ? { stopSignal: stringOption(invocation, 'stop-signal') } : {}),
    onProgress: (line) => invocation.out.progress(line),
  });
  invocation.out.line(`${image.names[0]}: ${image.id} (${size(image.sizeBytes)})`);
}

async function ls(images: Images, _args: string[], invocation: Invocation): Promise<void> {
  const list = await images.list();
  if (invocation.values.output === 'json') {
    const shown = list.map(({ id, names, digests, sizeBytes, createdAt }) => ({
      id,
      names,
      digests,
      sizeBytes,
      createdAt,
    }));
    return invocation.out.line(JSON.stringify(shown, null, 2));
  }
  const rows = list.flatMap((image) =>
    (image.names.length > 0 ? image.names : ['<none>']).map((name) => [
      name,
      image.id.slice('sha256:'.length, 'sha256:'.length + 12),
      size(image.sizeBytes),
    ]),
  );
  for (const line of formatTable([['NAME', 'ID', 'SIZE'], ...rows])) invocation.out.line(line);
}

async function tag(images: Images, args: string[], { out }: Invocation): Promise<void> {
  const [name, newName] = args;
  if (!name || !newName) throw new UsageError('give NAME and NEWNAME');
  await images.tag(name, newName);
  out.line(`${newName}`);
}

async function save(images: Images, args: string[], { out }: Invocation): Promise<void> {
  const [name, file] = args;
  if (!name || !file) throw new UsageError('give NAME and FILE');
  await images.save(name, file);
  out.line(file);
}

async function rm(images: Images, args: string[], { out }: Invocation): Promise<void> {
  if (args.length === 0) throw new UsageError('give at least one NAME');
  for (const name of args) {
    await images.remove(name);
    out.line(`removed ${name}`);
  }
}

async function prune(images: Images, _args: string[], { values, out }: Invocation): Promise<void> {
  const { removed, freedBytes } = await images.prune({ all: values.all === true });
  for (const name of removed) out.line(`removed ${name}`);
  out.line(`${size(freedBytes)} freed`);
}

function one(args: string[], what: string): string {
  const [value, ...more] = args;
  if (!value || more.length > 0) throw new UsageError(`give one ${what}`);
  return value;
}

function copyPair(text: string): [string, string] {
  const [from, to] = text.split(':');
  if (!from || !to) throw new UsageError(`--copy "${text}": must be HOSTPATH:PATH`);
  return [from, to];
}

/** Splits as a shell does for plain words and quotes. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}
