import type { Client } from './client.ts';
import { httpsTransport } from './https-transport.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { createClient } from './rest.ts';

export type { Client };

/** A client of the cluster that a kubeconfig names (default: $KUBECONFIG, then ~/.kube/config; its current context). Close it. */
export function connect(kubeconfig?: string, context?: string): Client {
  return createClient(httpsTransport(loadKubeconfig(kubeconfig, context)));
}
