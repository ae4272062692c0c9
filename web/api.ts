import type { LiveObject } from '../src/inspect/live-types.ts';
import type { WhyReport } from '../src/inspect/why/finding.ts';

/** Requests to the Kubernetes API through the page's server. Errors carry the server's own message. */
export function api(path: string, init: RequestInit = {}): Promise<Response> {
  return ask(`/k8s${path}`, init);
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { accept: 'application/json', ...init.headers } });
  if (response.ok) return response;
  const text = await response.text();
  throw new Error(messageOf(text) ?? `${response.status} ${response.statusText}`);
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await api(path, signal ? { signal } : {});
  return (await response.json()) as T;
}

/** What `vitrine why` says of an object. */
export async function diagnosis({ kind, name, namespace }: LiveObject, signal: AbortSignal): Promise<WhyReport> {
  const query = new URLSearchParams({ subject: `${kind}/${name}`, namespace: namespace || 'default' });
  const response = await ask(`/why?${query}`, { signal });
  return (await response.json()) as WhyReport;
}

export function scale(path: string, replicas: number): Promise<Response> {
  return patch(`${path}/scale`, { spec: { replicas } }, 'application/merge-patch+json');
}

/** As `kubectl rollout restart`: a new annotation makes a new template (kubectl pkg/polymorphichelpers/objectrestarter.go). */
export function restart(path: string): Promise<Response> {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
  const body = { spec: { template: { metadata: { annotations } } } };
  return patch(path, body, 'application/strategic-merge-patch+json');
}

export function remove(path: string): Promise<Response> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' };
  return api(path, { method: 'DELETE', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

function patch(path: string, body: unknown, type: string): Promise<Response> {
  return api(`${path}?fieldManager=vitrine-web`, {
    method: 'PATCH',
    headers: { 'content-type': type },
    body: JSON.stringify(body),
  });
}

function messageOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { message?: string }).message;
  } catch {
    return text.trim() || undefined;
  }
}
