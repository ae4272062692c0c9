import http from 'node:http';
import https from 'node:https';
import type { Container as ContainerDef, HTTPGetAction } from '../../api/generated/core-v1.ts';
import { dialError, joinHostPort, type ProbeResult, resolvePort } from './probe.ts';

const maxBodyBytes = 10 * 1024;

/** GETs a URL; 200 to 399 is success (pkg/probe/http). Certificates are not verified. */
export async function probeHttp(
  action: HTTPGetAction,
  container: ContainerDef,
  podIP: string,
  timeoutMs: number,
  agent = 'kube-probe/1.36',
): Promise<ProbeResult> {
  const host = action.host || podIP;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const address = joinHostPort(host, resolvePort(action.port, container));
  const url = new URL(`${scheme}://${address}${(action.path ?? '/').replace(/^(?!\/)/, '/')}`);
  const headers: Record<string, string | string[]> = {};
  for (const { name, value } of action.httpHeaders ?? []) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  if (!given.has('user-agent')) headers['User-Agent'] = agent;
  if (!given.has('accept')) headers.Accept = '*/*';
  // Go prints the URL without a port that is the scheme's own added or removed: as it was written.
  const shown = `${scheme}://${address}${url.pathname}${url.search}`;
  return get(url, shown, headers, { address, timeoutMs, hops: 10 });
}

function get(
  url: URL,
  shown: string,
  headers: Record<string, string | string[]>,
  limits: { address: string; timeoutMs: number; hops: number },
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const module = url.protocol === 'https:' ? https : http;
    let timedOut = false;
    const request = module.get(url, { agent: false, headers, rejectUnauthorized: false }, (response) => {
      const { statusCode = 0, headers: answer } = response;
      const target =
        statusCode >= 300 && statusCode < 400 && answer.location ? new URL(answer.location, url) : undefined;
      if (target?.hostname === url.hostname && limits.hops > 0) {
        response.destroy();
        clearTimeout(timer);
        return resolve(get(target, target.href, headers, { ...limits, hops: limits.hops - 1 }));
      }
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBodyBytes) done();
      });
      const done = () => {
        clearTimeout(timer);
        response.destroy();
        const success = statusCode >= 200 && statusCode < 400;
        resolve({ success, output: success ? '' : `HTTP probe failed with statuscode: ${statusCode}` });
      };
      response.on('end', done);
      response.on('error', done);
    });
    const timer = limits.timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          request.destroy();
        }, limits.timeoutMs)
      : undefined;
    request.on('error', (error) => {
      clearTimeout(timer);
      const why = timedOut
        ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        : dialError(error, limits.address);
      resolve({ success: false, output: `Get "${shown}": ${why}` });
    });
  });
}
