import https from 'node:https';
import net from 'node:net';
import type { Service } from '../../api/generated/core-v1.ts';
import { endpointSlices, services } from '../../api/resource.ts';
import type { ObjectReader } from '../request.ts';
import { readyAddresses } from '../subresources/service-endpoint.ts';

/** How to reach a webhook (admissionregistration WebhookClientConfig, and that of conversions). */
export interface WebhookTarget {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** PEM in base64. */
  caBundle?: string;
}

export interface WebhookClient {
  /** POSTs JSON and returns the JSON answer. Errors are worded as Go's HTTP client words them. */
  post(target: WebhookTarget, body: object, options: PostOptions): Promise<unknown>;
}

export interface PostOptions {
  timeoutMs: number;
  query?: string;
  /** Ends the call: whoever it is for does not wait any more. */
  signal?: AbortSignal;
}

/** Idle connections are kept, per target; but not many, and not for long. */
const maxAgents = 50;

/** Calls webhooks: by URL, or a Service through the addresses of its endpoints, as the API server is not in the Pod network's proxy. */
export function createWebhookClient(reader: ObjectReader): WebhookClient {
  const agents = new Map<string, https.Agent>();
  return {
    async post(target, body, { query, ...options }) {
      const { url, connect } = resolve(reader, target);
      if (query) url.search = query;
      const agent = agentFor(target);
      return request({ url, connect, agent, body: JSON.stringify(body), ...options });
    },
  };

  function agentFor({ caBundle = '', url = '', service }: WebhookTarget): https.Agent {
    const key = `${caBundle} ${url} ${service?.namespace}/${service?.name}`;
    let agent = agents.get(key);
    if (!agent) {
      if (agents.size >= maxAgents) {
        const [oldest] = agents.keys();
        agents.get(oldest!)?.destroy();
        agents.delete(oldest!);
      }
      const ca = caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {};
      agent = new https.Agent({ keepAlive: true, maxFreeSockets: 4, timeout: 30_000, ...ca });
      agents.set(key, agent);
    }
    return agent;
  }
}

interface Resolved {
  url: URL;
  /** Where to connect to, when that is not what the URL says. */
  connect: { host: string; port: number; servername: string } | undefined;
}

function resolve(reader: ObjectReader, { url, service }: WebhookTarget): Resolved {
  if (!service) return { url: new URL(url ?? ''), connect: undefined };
  const { namespace, name, path = '/', port = 443 } = service;
  const servername = `${name}.${namespace}.svc`;
  const target = new URL(`https://${servername}:${port}${path.startsWith('/') ? path : `/${path}`}`);
  return { url: target, connect: { ...endpointOf(reader, namespace, name, port), servername } };
}

/** A ready endpoint of the Service (apiserver pkg/util/proxy ResolveEndpoint). */
export function endpointOf(
  reader: ObjectReader,
  namespace: string,
  name: string,
  port: number,
): { host: string; port: number } {
  const service = reader.get(services, namespace, name) as Service | undefined;
  if (!service) throw new Error(`service "${name}" not found`);
  if (service.spec?.type === 'ExternalName') return { host: service.spec.externalName ?? '', port };
  const servicePort = service.spec?.ports?.find((one) => one.port === port);
  if (!servicePort) throw new Error(`no service port ${port} found for service "${name}"`);
  const slices = reader
    .list(endpointSlices, namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  const found = slices.flatMap((slice) => readyAddresses(slice, servicePort));
  const chosen = found[Math.floor(Math.random() * found.length)];
  if (!chosen) throw new Error(`no endpoints available for service "${name}"`);
  return chosen;
}

function request({
  url,
  connect,
  agent,
  body,
  timeoutMs,
  signal,
}: Resolved & { agent: https.Agent; body: string } & Omit<PostOptions, 'query'>): Promise<unknown> {
  const fail = (why: string, cause?: unknown) => new Error(`Post "${shown(url)}": ${why}`, { cause });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(fail('context deadline exceeded'));
      sent.destroy();
    }, timeoutMs);
    const sent = https.request(
      {
        method: 'POST',
        host: connect?.host ?? url.hostname,
        port: connect?.port ?? (url.port || 443),
        path: url.pathname + url.search,
        agent,
        ...(signal && { signal }),
        ...(connect ? { servername: connect.servername } : net.isIP(url.hostname) ? {} : { servername: url.hostname }),
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'kube-apiserver-admission',
          host: url.host,
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', (error) => reject(fail(error.message, error)));
        response.on('end', () => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString('utf8');
          const status = response.statusCode ?? 0;
          if (status < 200 || status > 206) {
            reject(new Error(`the server rejected our request for an unknown reason: ${status} ${text.slice(0, 200)}`));
            return;
          }
          try {
            resolve(JSON.parse(text));
          } catch (error) {
            reject(new Error(`couldn't decode the answer of ${shown(url)}: ${(error as Error).message}`));
          }
        });
      },
    );
    sent.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(fail(goMessage(error, connect ?? { host: url.hostname, port: Number(url.port || 443) }), error));
    });
    sent.end(body);
  });
}

/** net.OpError and x509 in their own words. */
function goMessage(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): string {
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`;
  if (/certificate|self.signed|CERT|issuer/i.test(`${error.code} ${error.message}`))
    return `tls: failed to verify certificate: x509: ${error.message}`;
  return error.message;
}

/** Go prints the default port only if it was written. */
function shown(url: URL): string {
  const port = url.port || '443';
  return `${url.protocol}//${url.hostname}:${port}${url.pathname}${url.search}`;
}
