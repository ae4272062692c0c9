import type { Pod } from '../../api/generated/core-v1.ts';
import { badRequest } from '../../api/status-error.ts';
import type { Call } from '../backend.ts';
import type { ServerResponse } from '../http/exchange.ts';
import type { VerbHandler } from '../router.ts';
import { existing } from '../verbs/get.ts';
import { admitPart } from './admit-part.ts';
import { containerOf } from './container-name.ts';
import { hostOf, kubeletAddress, kubeletTls } from './kubelet-connection.ts';
import { tunnel } from './tunnel.ts';

/** pods/NAME/exec: runs a command in a container (pkg/registry/core/pod/strategy.go ExecLocation). */
export const exec = streaming((call, pod) => {
  const { query } = call.request;
  const container = containerOf(pod, query.get('container'));
  const commands = query.getAll('command');
  if (commands.length === 0) throw badRequest('you must specify a command');
  const passed = streams(query);
  for (const command of commands) passed.append('command', command);
  return `/exec/${place(pod)}/${container}?${passed}`;
});

/** pods/NAME/attach: joins the streams of a container's first process. */
export const attach = streaming((call, pod) => {
  const { query } = call.request;
  const container = containerOf(pod, query.get('container'));
  return `/attach/${place(pod)}/${container}?${streams(query)}`;
});

/** pods/NAME/portforward. */
export const portForward = streaming((call, pod) => {
  const passed = new URLSearchParams();
  for (const port of call.request.query.getAll('ports')) passed.append('port', port);
  return `/portForward/${place(pod)}${passed.size > 0 ? `?${passed}` : ''}`;
});

/** A subresource that leaves HTTP behind and talks with the kubelet. */
function streaming(pathOf: (call: Call, pod: Pod) => string): VerbHandler {
  return async (call): Promise<ServerResponse> => {
    const { backend, request } = call;
    const pod = existing(call).object as Pod;
    await admitPart(call, 'CONNECT', request.info.subresource, optionsOf(call));
    const path = pathOf(call, pod);
    const address = kubeletAddress(backend, hostOf(pod));
    return tunnel(request, { ...address, path, tls: kubeletTls(backend.kubelet) });
  };
}

const place = (pod: Pod) => `${pod.metadata.namespace}/${pod.metadata.name}`;

/** The API's names of the streams are not the kubelet's (pkg/registry/core/pod/strategy.go streamParams). */
function streams(query: URLSearchParams): URLSearchParams {
  const asked = (name: string, byDefault: boolean) => {
    const text = query.get(name);
    return text === null ? byDefault : text === 'true' || text === '1';
  };
  const passed = new URLSearchParams();
  if (asked('stdin', false)) passed.set('input', '1');
  if (asked('stdout', true)) passed.set('output', '1');
  if (asked('stderr', true)) passed.set('error', '1');
  if (asked('tty', false)) passed.set('tty', '1');
  if (passed.size === 0) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return passed;
}

/** The query as the object that it stands for: PodExecOptions, PodAttachOptions, PodPortForwardOptions. */
function optionsOf({ request: { query, info }, resource }: Call): object {
  const { kind } = resource.info.subresources[info.subresource]!;
  const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) => query.has(name));
  const [commands, ports] = [query.getAll('command'), query.getAll('ports')];
  return {
    kind,
    apiVersion: 'v1',
    ...Object.fromEntries(flags.map((name) => [name, query.get(name) === 'true' || query.get(name) === '1'])),
    ...(query.has('container') ? { container: query.get('container') } : {}),
    ...(commands.length > 0 ? { command: commands } : {}),
    ...(ports.length > 0 ? { ports: ports.map(Number) } : {}),
  };
}
