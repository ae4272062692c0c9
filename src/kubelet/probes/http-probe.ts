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
      const redirected = statusCode >= 300 && statusCode < 400;
      // Whatever a container answers must not throw here.
      const target = redirected && answer.location ? URL.parse(answer.location, url) : null;
      if (target && /^https?:$/.test(target.protocol) && target.hostname === url.hostname) {
        response.destroy();
        clearTimeout(timer);
        if (limits.hops === 0) return resolve({ success: false, output: `Get "${shown}": stopped after 10 redirects` });
        return resolve(get(target, target.href, headers, { ...limits, hops: limits.hops - 1 }));
      }
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
        if (body.length > maxBodyBytes) done();
      });
      const done = () => {
        clearTimeout(timer);
        response.destroy();
        if (redirected) {
          const output = `Probe terminated redirects, Response body: ${body.slice(0, maxBodyBytes)}`;
          return resolve({ success: true, warning: true, output });
        }
        const success = statusCode >= 200 && statusCode < 300;
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
