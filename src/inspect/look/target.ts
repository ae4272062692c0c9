/** What a word on the command line may mean; which of it exists is for `look` to find out. */
export type Target =
  | { type: 'number'; number: number }
  | { type: 'port'; port: number; protocol?: 'tcp' | 'udp'; address?: string }
  | { type: 'namespace'; inode: number; kind?: string }
  | { type: 'socket'; inode: number }
  | { type: 'path'; path: string }
  | { type: 'object'; kind: string; name: string }
  | { type: 'address'; address: string }
  | { type: 'word'; word: string };

/** Inodes of namespaces are counted down from here (PROC_DYNAMIC_FIRST in fs/proc/generic.c). */
const firstNamespaceInode = 0xf0000000;

export function parseTarget(text: string): Target {
  const number = /^\d+$/.exec(text) && Number(text);
  if (number && number >= firstNamespaceInode) return { type: 'namespace', inode: number };
  if (number) return { type: 'number', number };
  const namespace = /^(mnt|net|pid|ipc|uts|user|cgroup|time):\[?(\d+)\]?$/.exec(text);
  if (namespace) return { type: 'namespace', inode: Number(namespace[2]), kind: namespace[1] };
  const socket = /^socket:\[?(\d+)\]?$/.exec(text);
  if (socket) return { type: 'socket', inode: Number(socket[1]) };
  const port = /^(?:(tcp|udp):|(\S*?):)?:?(\d+)(?:\/(tcp|udp))?$/.exec(text);
  // 'redis:7' is an image.
  if (port && /[:/]/.test(text) && /^(|\*|localhost|[\d.]+|\[?[0-9a-f:.]+\]?)$/i.test(port[2] ?? ''))
    return portTarget(port);
  if (/^\d+\.\d+\.\d+\.\d+$|^[0-9a-f]*:[0-9a-f:]+$/i.test(text)) return { type: 'address', address: text };
  if (text.startsWith('/sys/fs/cgroup/')) return { type: 'path', path: text };
  if (text.startsWith('/') || text.startsWith('@')) return { type: 'path', path: text };
  const object = /^([A-Za-z]+)(?:\.[\w.]+)?\/([^/]+)$/.exec(text);
  const kind = object && kinds[object[1]!.toLowerCase()];
  if (object && kind) return { type: 'object', kind, name: object[2]! };
  return { type: 'word', word: text };
}

function portTarget([, prefix, address, port, suffix]: RegExpExecArray): Target {
  const protocol = (prefix ?? suffix) as 'tcp' | 'udp' | undefined;
  const bare = address?.replace(/^\[|\]$/g, '');
  return {
    type: 'port',
    port: Number(port),
    ...(protocol && { protocol }),
    ...(bare && bare !== '*' && { address: bare }),
  };
}

const kinds: Record<string, string> = Object.fromEntries(
  Object.entries({
    Pod: ['pod', 'pods', 'po'],
    Service: ['service', 'services', 'svc'],
    Deployment: ['deployment', 'deployments', 'deploy'],
    ReplicaSet: ['replicaset', 'replicasets', 'rs'],
    StatefulSet: ['statefulset', 'statefulsets', 'sts'],
    DaemonSet: ['daemonset', 'daemonsets', 'ds'],
    Job: ['job', 'jobs'],
    CronJob: ['cronjob', 'cronjobs', 'cj'],
    Node: ['node', 'nodes', 'no'],
  }).flatMap(([kind, words]) => words.map((word) => [word, kind])),
);
