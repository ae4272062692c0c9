import type { ServerResponse } from 'node:http';
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { NodeContext } from '../node-context.ts';
import { type PodRecord, specContainer } from '../pod-record.ts';

/** POST /run/{namespace}/{pod}[/{uid}]/{container}?cmd=…: what a command printed, once it has ended (kubelet server.go getRun). */
export async function serveRun(
  node: NodeContext,
  record: PodRecord,
  name: string,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  if (!specContainer(record.pod, name))
    throw badRequest(`container ${name} is not valid for pod ${record.pod.metadata.name}`);
  const container = record.current(node.runtime, name);
  if (container?.state !== 'running') throw badRequest(`container not found ("${name}")`);
  const command = (query.get('cmd') ?? '').split(' ').filter(Boolean);
  if (command.length === 0) throw badRequest('you must specify at least 1 command');
  const { exitCode, stdout, stderr } = await node.runtime.exec(container.id, command);
  if (exitCode !== 0) {
    const message = `command '${command.join(' ')}' exited with ${exitCode}: ${stderr}`;
    throw new StatusError({ code: 500, reason: 'InternalError', message });
  }
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(stdout + stderr);
}
