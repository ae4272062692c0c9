import fs from 'node:fs';
import path from 'node:path';
import type { Client } from './client/client.ts';
import { httpsTransport } from './client/https-transport.ts';
import { createClient } from './client/rest.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { ClusterPaths } from './paths.ts';

/** What an administrator on the control plane's machine needs to reach the API. */
export function adminAccess(paths: ClusterPaths, { apiPort }: Pick<ClusterConfig, 'apiPort'>) {
  const pem = (file: string) => fs.readFileSync(path.join(paths.state, 'pki', file), 'utf8');
  return { server: `https://127.0.0.1:${apiPort}`, ca: pem('ca.crt'), cert: pem('admin.crt'), key: pem('admin.key') };
}

export async function withAdmin<T>(
  paths: ClusterPaths,
  config: ClusterConfig,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = createClient(httpsTransport(adminAccess(paths, config)), { userAgent: 'vitrine' });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
