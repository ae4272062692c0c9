import http from 'node:http';
import path from 'node:path';
import type { Service } from '../src/api/generated/core-v1.ts';
import { deployments, services } from '../src/api/resource.ts';
import { UserError } from '../src/base/errors.ts';
import type { Client } from '../src/client/client.ts';
import { withImageStore } from '../src/cluster.ts';
import { size } from '../src/inspect/size.ts';
import type { ImageInfo } from '../src/runtime/runtime.ts';
import { clusterClient } from './access.ts';
import { applyManifest, readManifests } from './apply.ts';
import type { Command, Output } from './command.ts';
import { pullProgress } from './image.ts';
import { formatDuration } from './output.ts';
import { showTree } from './tree.ts';
import { up } from './up.ts';

const imageName = 'httpd:latest';
const deployment = 'httpd-deployment';
const service = 'httpd-loadbalancer';
const readyTimeoutMs = 120_000;

export const command: Command = {
  options: { 'api-port': { type: 'string' }, 'no-kubeconfig': { type: 'boolean' } },
  help: `
Shows the whole stack at work: starts the cluster, finds, pulls or builds the image httpd:latest, applies the two
manifests in examples/ (100 Pods, a Service of type LoadBalancer), and prints the address and the tree from the
Service to the threads of one Pod. 'vitrine delete' removes everything again.`,
  run: async (invocation) => {
    const { name, out } = invocation;
    await up(invocation);
    await ensureImage(name, out);
    const client = clusterClient(name);
    try {
      const began = performance.now();
      const examples = path.join(import.meta.dirname, examplesFolder());
      for (const file of ['httpd-deployment.yaml', 'httpd-loadbalancer.yaml'])
        for (const manifest of readManifests(path.join(examples, file)))
          out.line(await applyManifest(client, manifest, 'default'));
      const pods = await untilReady(client, out);
      out.line(`${pods}/${pods} Pods ready in ${formatDuration(performance.now() - began)}`);
      const address = await untilAddress(client);
      out.line(`http://${address}/ answers: ${await fetchTitle(address)}`);
      out.line();
      await showTree({ name, client, out, root: `service/${service}`, namespace: 'default', pods: 1 });
    } finally {
      client.close();
    }
    return 0;
  },
};

/** The bundle lies in dist/current/, the sources in cli/. */
function examplesFolder(): string {
  return path.basename(import.meta.dirname) === 'cli' ? '../examples' : '../../examples';
}

async function ensureImage(name: string, out: Output): Promise<void> {
  await withImageStore(name, async (images) => {
    const found = await images.resolve(imageName);
    if (found) return out.line(`image ${imageName}: found (${describe(found)})`);
    const began = performance.now();
    out.progress(`image ${imageName}: pulling …`);
    try {
      const pulled = await images.pull(imageName, {
        onProgress: pullProgress(out),
        signal: AbortSignal.timeout(120_000),
      });
      out.line(`image ${imageName}: pulled in ${formatDuration(performance.now() - began)} (${describe(pulled)})`);
    } catch (error) {
      out.line(`image ${imageName}: no registry has it for us (${(error as Error).message})`);
      const { recipes } = await import('../src/runtime/images/recipes/all.ts');
      const recipe = recipes.httpd;
      if (!recipe) throw error;
      const built = await images.build({
        ...recipe,
        name: imageName,
        onProgress: (line) => out.progress(`image: ${line}`),
      });
      out.line(
        `image ${imageName}: built from Debian's apache2 in ${formatDuration(performance.now() - began)} (${describe(built)})`,
      );
    }
  });
}

const describe = (image: ImageInfo) => `${image.id.slice(7, 19)}, ${size(image.sizeBytes)}`;

/** Follows the Deployment until all its replicas are ready; returns how many. */
async function untilReady(client: Client, out: Output): Promise<number> {
  const selector = { namespace: 'default', fieldSelector: `metadata.name=${deployment}` };
  const signal = AbortSignal.timeout(readyTimeoutMs);
  const first = await client.list(deployments, selector);
  const count = (status: { readyReplicas?: number; observedGeneration?: number } | undefined) =>
    status?.readyReplicas ?? 0;
  let ready = count(first.items[0]?.status);
  let wanted = first.items[0]?.spec.replicas ?? 0;
  if (ready >= wanted) return wanted;
  try {
    for await (const event of client.watch(deployments, {
      ...selector,
      resourceVersion: first.metadata.resourceVersion,
      signal,
    })) {
      if (event.type === 'ERROR') throw new UserError(`watching deployment/${deployment}: ${event.object.message}`);
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
      ready = count(event.object.status);
      wanted = event.object.spec.replicas ?? 0;
      out.progress(`${ready}/${wanted} Pods ready …`);
      if (ready >= wanted) return wanted;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new UserError(`${ready} of ${wanted} Pods are ready after ${formatDuration(readyTimeoutMs)}`, {
    hint: 'kubectl get pods, kubectl get events',
  });
}

async function untilAddress(client: Client): Promise<string> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found: Service = await client.get(services, service, 'default');
    const ip = found.status?.loadBalancer?.ingress?.[0]?.ip;
    if (ip) return ip;
    if (Date.now() > deadline) throw new UserError(`service/${service} got no address`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What the web server answers, in one line. The first request may come before the proxy knows the Service. */
async function fetchTitle(address: string): Promise<string> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await get(address);
    } catch (error) {
      if (Date.now() > deadline) throw new UserError(`http://${address}/ does not answer`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function get(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: address, port: 80, agent: false, timeout: 2000 }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve(
        `${response.statusCode} ${text
          .replace(/<[^>]*>/g, ' ')
          .replace(/\s+/g, ' ')
          .trim()
          .slice(0, 60)}`,
      );
    });
    request.on('timeout', () => request.destroy(new Error('no answer in 2 s')));
    request.on('error', reject);
  });
}
