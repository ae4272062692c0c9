import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/resource.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { type MetricFamily, metricsContentType, processMetrics, renderMetrics } from '../../base/metrics.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodRecord } from '../pod-record.ts';
import type { PodWorkers } from '../pod-workers.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { configz } from './configz.ts';
import { serveLog } from './log-request.ts';
import { serveNodeLogs } from './node-logs.ts';
import { ownMetrics } from './own-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { serveRun } from './run-command.ts';
import { StatsSummary } from './stats-summary.ts';
import { readUse } from './usage.ts';

interface Request {
  message: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** The parts of the path behind the first. */
  rest: string[];
}

/** Answers to requests that stay HTTP, by the first part of their path (kubelet server.go Install*Handlers). */
export class KubeletRoutes {
  readonly #node: NodeContext;
  readonly #workers: PodWorkers;
  readonly #port: () => number;
  readonly #summary: StatsSummary;

  constructor(node: NodeContext, workers: PodWorkers, port: () => number) {
    this.#node = node;
    this.#workers = workers;
    this.#port = port;
    this.#summary = new StatsSummary(node);
  }

  async serve(url: URL, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const [first = '', ...rest] = partsOf(url.pathname);
    const route = Object.hasOwn(this.#routes, first) ? this.#routes[first] : undefined;
    if (!route) return void response.writeHead(404, plain).end('404 page not found\n');
    const [method, answer] = route;
    const asked = message.method === 'HEAD' ? 'GET' : message.method;
    if (method !== 'any' && asked !== method) return void response.writeHead(405, plain).end('405: Method Not Allowed');
    await answer({ message, response, url, rest });
  }

  readonly #routes: Record<
    string,
    [method: 'GET' | 'POST' | 'any', answer: (request: Request) => Promise<void> | void]
  > = {
    healthz: ['any', ({ response }) => void response.writeHead(200, plain).end('ok')],
    pods: ['GET', ({ response }) => json(response, podList(this.#workers.records().map((one) => this.#shown(one))))],
    runningpods: ['GET', ({ response }) => json(response, podList(this.#runningPods()))],
    stats: ['GET', (request) => this.#stats(request)],
    metrics: ['GET', (request) => this.#metrics(request)],
    configz: ['GET', ({ response }) => json(response, configz(this.#node, this.#port()))],
    logs: ['GET', ({ response, url }) => serveNodeLogs(decode(url.pathname.slice('/logs/'.length)), response)],
    containerLogs: ['GET', (request) => this.#log(request)],
    run: ['POST', (request) => this.#run(request)],
    exec: ['any', needsUpgrade],
    attach: ['any', needsUpgrade],
    portForward: ['any', needsUpgrade],
  };

  #shown({ pod }: PodRecord): Pod {
    return { ...pod, status: this.#node.status.get(pod) };
  }

  /** What the runtime knows: names and images of what runs, nothing else (container.Pod.ToAPIPod). */
  #runningPods(): object[] {
    return this.#workers.records().flatMap((record) => {
      const running = record.allContainers(this.#node.runtime).filter(({ state }) => state === 'running');
      if (running.length === 0) return [];
      const { name, namespace, uid } = record.pod.metadata;
      const containers = running.map(({ labels, image }) => ({
        name: labels['io.kubernetes.container.name'],
        image: image.name,
        resources: {},
      }));
      return [{ metadata: { name, namespace, uid }, spec: { containers }, status: {} }];
    });
  }

  async #stats({ response, url, rest }: Request): Promise<void> {
    if (rest[0] !== 'summary' || rest.length > 1)
      return void response.writeHead(404, plain).end('404 page not found\n');
    const onlyCpuAndMemory = url.searchParams.get('only_cpu_and_memory') === 'true';
    const use = await readUse(this.#node, this.#workers.records());
    json(response, await this.#summary.of(use, { onlyCpuAndMemory }));
  }

  async #metrics({ response, rest }: Request): Promise<void> {
    const families = await this.#families(rest.join('/'));
    if (!families) return void response.writeHead(404, plain).end('404 page not found\n');
    response.writeHead(200, { 'content-type': metricsContentType }).end(renderMetrics(families));
  }

  async #families(which: string): Promise<MetricFamily[] | undefined> {
    const [node, records] = [this.#node, this.#workers.records()];
    switch (which) {
      case '':
        return ownMetrics(node, records);
      case 'cadvisor':
        return cadvisorMetrics(node, await readUse(node, records));
      case 'resource':
        return resourceMetrics(await readUse(node, records));
      case 'probes':
        return [...node.probes.metrics(), ...processMetrics()];
      case 'slis':
        return [healthSli];
      default:
        return undefined;
    }
  }

  #log({ message, response, url, rest: [namespace, pod, container = ''] }: Request): Promise<void> {
    const record = findPod(this.#workers, namespace, pod);
    return serveLog(this.#node, record, container, message, response, url.searchParams);
  }

  #run({ response, url, rest: [namespace, pod, ...rest] }: Request): Promise<void> {
    return serveRun(this.#node, findPod(this.#workers, namespace, pod), rest.at(-1) ?? '', url.searchParams, response);
  }
}

/** The parts of a path, decoded. */
export function partsOf(pathname: string): string[] {
  return pathname.split('/').slice(1).map(decode);
}

export function findPod(workers: PodWorkers, namespace = '', name = ''): PodRecord {
  const record = workers
    .records()
    // What still stops after a forced deletion is not meant: there may be another Pod of that name.
    .find((one) => !one.gone && one.pod.metadata.namespace === namespace && one.pod.metadata.name === name);
  if (!record) throw notFound(pods, name);
  return record;
}

const plain = { 'content-type': 'text/plain; charset=utf-8' };

const healthSli: MetricFamily = {
  name: 'kubernetes_healthcheck',
  help: 'This metric records the result of a single healthcheck.',
  type: 'gauge',
  samples: [{ labels: { name: 'ping', type: 'healthz' }, value: 1 }],
};

const podList = (items: object[]) => ({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function needsUpgrade(): never {
  throw new StatusError({ code: 400, reason: 'BadRequest', message: 'you must specify an upgrade header' });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(text)}`);
  }
}
