import type { Pod } from '../../api/generated/core-v1.ts';
import { badRequest } from '../../api/status-error.ts';

/** The container that a request means: the one it names, or the only one (pkg/registry/core/pod/strategy.go validateContainer). */
export function containerOf(pod: Pod, asked: string | null): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  if (asked) {
    const all = [...containers, ...initContainers, ...ephemeralContainers];
    if (all.some((container) => container.name === asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`);
  }
  if (containers.length === 1) return containers[0]!.name;
  const start = `a container name must be specified for pod ${pod.metadata.name}`;
  if (containers.length === 0) throw badRequest(start);
  const init = initContainers.length > 0 ? ` or one of the init containers: ${names(initContainers)}` : '';
  const debug =
    ephemeralContainers.length > 0 ? ` or one of the ephemeral containers: ${names(ephemeralContainers)}` : '';
  throw badRequest(`${start}, choose one of: ${names(containers)}${init}${debug}`);
}

const names = (containers: { name: string }[]) => `[${containers.map((container) => container.name).join(' ')}]`;
