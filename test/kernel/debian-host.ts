import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';

const repository = path.join(import.meta.dirname, '../..');

/** Why there can be none here; undefined: there can. */
export const noDebianHost: string | undefined =
  process.getuid?.() !== 0
    ? 'not root'
    : !fs.existsSync('/usr/bin/apt-get') || !fs.existsSync('/usr/bin/nsenter')
      ? 'no apt-get or nsenter'
      : undefined;

/**
 * This machine with more of Debian's packages installed, which nobody outside sees: its file system under an overlay in
 * memory, in a mount and network namespace of its own. Processes are those of the machine, unless `pids` hides it.
 */
export class DebianHost {
  readonly #directory: string;
  readonly #holder: ChildProcess;
  readonly #nsenter: string[];
  /** The process in whose namespaces the host is. */
  readonly pid: number;

  private constructor(directory: string, holder: ChildProcess, pid: number, pids: boolean) {
    this.#directory = directory;
    this.#holder = holder;
    this.pid = pid;
    this.#nsenter = ['-t', String(pid), '-m', '-n', ...(pids ? ['-p'] : [])];
  }

  /** `pids`: in a PID namespace of its own, so that whatever its programs start ends with it. */
  static async start(packages: string[], { pids = false } = {}): Promise<DebianHost> {
    const directory = fs.mkdtempSync('/tmp/vitrine-host-');
    const unshare = [
      '--mount',
      '--net',
      '--propagation',
      'private',
      ...(pids ? ['--pid', '--fork', '--kill-child'] : []),
    ];
    const holder = spawn('unshare', [...unshare, 'bash', '-c', script, 'host', directory, repository, String(pids)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    holder.stderr!.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const [first] = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'exit')]);
    assert.equal(String(first).trim(), 'ready', errors);
    // With a PID namespace unshare waits for its child, which is in it.
    const pid = pids ? childOf(holder.pid!) : holder.pid!;
    const host = new DebianHost(directory, holder, pid, pids);
    // The machine's own network brings the packages.
    const install = `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(' ')}`;
    await host.#enter(
      ['-t', String(pid), '-m', ...(pids ? ['-p'] : [])],
      `${install} >/tmp/apt.log 2>&1 || { tail -5 /tmp/apt.log >&2; exit 1; }`,
    );
    return host;
  }

  /** Runs a script in it, which must succeed; what it printed. */
  run(text: string): Promise<string> {
    return this.#enter(this.#nsenter, text);
  }

  #enter(nsenter: string[], text: string): Promise<string> {
    const root = path.join(this.#directory, 'root');
    return new Promise((resolve, reject) => {
      const args = [...nsenter, 'chroot', root, 'bash', '-euc', text];
      execFile('nsenter', args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 600_000 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${text}: ${stderr}${stdout}`, { cause: error })) : resolve(stdout),
      );
    });
  }

  /** Ends what runs in its mount namespace, and with that the namespace. */
  async stop(): Promise<void> {
    const namespace = fs.readlinkSync(`/proc/${this.pid}/ns/mnt`);
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (Number(pid) === this.#holder.pid || link(`/proc/${pid}/ns/mnt`) !== namespace) continue;
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // Ended meanwhile.
      }
    }
    // With a PID namespace unshare ends when all in it have.
    if (this.pid === this.#holder.pid) this.#holder.kill('SIGKILL');
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) await once(this.#holder, 'exit');
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}

function link(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}

const childOf = (pid: number): number => Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());

/** An overlay cannot have its upper layer within the lower one, so that is in memory; services do not start by themselves. */
const script = `
set -e
directory=$1 repository=$2 pids=$3 root=$1/root
mount -t tmpfs none $directory
mkdir $directory/upper $directory/work $root
mount -t overlay overlay -o lowerdir=/,upperdir=$directory/upper,workdir=$directory/work $root
for each in sys dev $([ $pids = true ] || echo proc); do mount --rbind /$each $root/$each; done
if [ $pids = true ]; then
  mount -t proc proc $root/proc
  mount -t tmpfs none $root/run
else
  # What is written there is its own; the clusters of the machine are seen.
  mkdir $directory/upper-run $directory/work-run
  mount -t overlay overlay -o lowerdir=/run,upperdir=$directory/upper-run,workdir=$directory/work-run $root/run
  if [ -d /run/vitrine ]; then mount --rbind /run/vitrine $root/run/vitrine; fi
fi
mount -t tmpfs none $root/tmp
chmod 1777 $root/tmp
mkdir -p $root$repository
mount --rbind $repository $root$repository
printf '#!/bin/sh\\nexit 101\\n' > $root/usr/sbin/policy-rc.d
chmod +x $root/usr/sbin/policy-rc.d
ip link set lo up
echo ready
exec sleep infinity
`;
