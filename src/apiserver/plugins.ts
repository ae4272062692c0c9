import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { builtinAdmission } from './admission/all.ts';
import { createAuthenticator } from './authentication/authenticators.ts';
import { openIdHandlers } from './authentication/openid.ts';
import { ServiceAccountTokens } from './authentication/service-account-tokens.ts';
import { createAuthorizer } from './authorization/authorizers.ts';
import { nodeRules } from './bootstrap/rbac-defaults.ts';
import { discoveryPaths } from './discovery/discovery-paths.ts';
import type { Pki } from './pki/pki.ts';
import type { ApiServerCore, ApiServerPlugins } from './server.ts';

export interface ServerPluginOptions {
  pki: Pki;
  clock: Clock;
  log: Logger;
  /** 'address:port' that discovery names. */
  serverAddress: string;
}

/** What makes the generic server a Kubernetes API server: who asks, who may, what is admitted, what can be found out. */
export function serverPlugins(core: ApiServerCore, options: ServerPluginOptions): ApiServerPlugins {
  const { reader, resources } = core;
  const { pki, clock, log, serverAddress } = options;
  const tokens = new ServiceAccountTokens({ reader, clock, keyPem: pki.serviceAccountKey });
  const authenticator = createAuthenticator({ reader, tokens, clock, log });
  const authorizer = createAuthorizer({ reader, nodeRules });
  const openId = openIdHandlers(tokens);
  const admission = builtinAdmission({ reader, authorizer, clock });
  return {
    authenticators: [authenticator],
    authorizers: [authorizer],
    admission: [...admission.beforeWebhooks, ...admission.afterWebhooks],
    paths: [
      discoveryPaths({ served: () => resources.infos(), serverAddress }),
      async (request) => openId[request.path]?.(request),
    ],
  };
}
