import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Container } from '../../runtime/runtime.ts';
import type { NodeContext } from '../node-context.ts';
import { podDirs } from '../pod-files.ts';
import { type PodRecord, specContainer } from '../pod-record.ts';
import { containerId } from '../status/container-status.ts';
import { type LogOptions, readLog } from './read-log.ts';

/** GET /containerLogs/{namespace}/{pod}/{container} (kubelet server.go getContainerLogs). */
export async function serveLog(
  node: NodeContext,
  record: PodRecord,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): Promise<void> {
  const container = loggedContainer(node, record, name, query.get('previous') === 'true');
  const options = logOptions(query, node.clock.now());
  const reader = new AbortController();
  response.on('close', () => reader.abort());
  request.on('error', () => reader.abort());
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  const sink = {
    signal: reader.signal,
    write: async (chunk: Buffer) => {
      if (response.write(chunk) || reader.signal.aborted) return;
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    },
  };
  const isRunning = () => node.runtime.container(container.id)?.state === 'running';
  await readLog(container.logPath, options, sink, isRunning);
  response.end();
}

type LoggedContainer = Pick<Container, 'id' | 'logPath'>;

/** Which attempt's log is meant, or why there is none yet (kubelet_pods.go validateContainerLogStatus). */
function loggedContainer(node: NodeContext, record: PodRecord, name: string, previous: boolean): LoggedContainer {
  const pod = record.pod.metadata.name;
  if (!specContainer(record.pod, name)) throw badRequest(`container ${name} is not valid for pod ${pod}`);
  const attempts = record.attempts(node.runtime, name);
  const status = node.status.get(record.pod);
  const reported = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].find((one) => one.name === name);
  if (previous) {
    const last = reported?.lastState?.terminated?.containerID;
    const found = attempts.find((one) => containerId(one) === last) ?? attempts[1];
    if (!found) throw badRequest(`previous terminated container "${name}" in pod "${pod}" not found`);
    return found;
  }
  const newest = attempts[0];
  if (newest) return newest;
  const ended = reported?.state?.terminated?.containerID;
  // The runtime has forgotten it, its log is there until the Pod is deleted.
  if (reported && ended) {
    const { logs } = podDirs(node.paths, record.pod);
    const logPath = path.join(logs, name, `${reported.restartCount}.log`);
    if (!existsSync(logPath)) throw badRequest(`unable to retrieve container logs for ${ended}`);
    return { id: ended, logPath };
  }
  const reason = record.waiting.get(name)?.reason ?? reported?.state?.waiting?.reason ?? 'ContainerCreating';
  const texts: Record<string, string> = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: 'trying and failing to pull image',
  };
  throw badRequest(`container "${name}" in pod "${pod}" is waiting to start: ${texts[reason] ?? reason}`);
}

function logOptions(query: URLSearchParams, now: number): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    if (text === null || text === '' || text === 'all') return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0)
      throw new StatusError({ code: 422, reason: 'Invalid', message: `invalid ${name}: ${text}` });
    return value;
  };
  const sinceSeconds = number('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  return {
    follow: query.get('follow') === 'true' || query.get('follow') === '1',
    tailLines: number('tailLines'),
    sinceMs: sinceSeconds !== undefined ? now - sinceSeconds * 1000 : sinceTime ? Date.parse(sinceTime) : undefined,
    timestamps: query.get('timestamps') === 'true',
    limitBytes: number('limitBytes'),
    stream: (query.get('stream') as LogOptions['stream'] | null) ?? 'All',
  };
}
