import { unauthorized } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Authenticator, ObjectReader, PeerCertificate, UserInfo } from '../request.ts';
import { authenticateBootstrapToken } from './bootstrap-tokens.ts';
import { anonymous, withAuthenticatedGroup } from './groups.ts';
import type { AnonymousConfig } from './jwt-config.ts';
import { proxiedUser } from './request-headers.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';
import { TokenError } from './token-error.ts';

export interface AuthenticationOptions {
  reader: ObjectReader;
  tokens: ServiceAccountTokens;
  clock: Clock;
  log: Logger;
  /** Whether, and for which paths, requests without credentials are served as system:anonymous. @default all */
  anonymous?: AnonymousConfig | undefined;
  /** Asked in their order where nobody here knows a token. @default none */
  others?: readonly TokenAuthenticator[];
}

/**
 * Who sends a request: the first of these that knows. A certificate comes first because the handshake has proved it
 * already; anonymous comes last, for requests without a credential that anybody here understands
 * (kubeapiserver/authenticator/config.go).
 */
export function createAuthenticator(options: AuthenticationOptions): Required<Authenticator> {
  const anonymousPaths = options.anonymous?.conditions?.map(({ path }) => path);
  const isAnonymousAllowed = (path: string) =>
    (options.anonymous?.enabled ?? true) && (!anonymousPaths || anonymousPaths.includes(path));
  return {
    async authenticate({ certificate, headers, path }) {
      const behindProxy = certificate?.frontProxy ? proxiedUser(certificate, headers) : undefined;
      if (behindProxy) return withAuthenticatedGroup(behindProxy);
      const fromCertificate = certificateUser(certificate);
      if (fromCertificate) return withAuthenticatedGroup(fromCertificate);
      const token = bearerToken(headers);
      if (token !== undefined) {
        const user = await tokenUser(token, options);
        if (!user) throw unauthorized();
        return withAuthenticatedGroup(user);
      }
      if (!isAnonymousAllowed(path)) throw unauthorized();
      return anonymous;
    },
  };
}

/** CN is the user, O are the groups (apiserver pkg/authentication/request/x509). */
function certificateUser(certificate: PeerCertificate | undefined): UserInfo | undefined {
  if (!certificate?.commonName || certificate.frontProxy) return undefined;
  return { name: certificate.commonName, groups: certificate.organizations };
}

const webSocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.';

/** From the Authorization header, or from the subprotocol with which browsers send it over WebSockets. */
function bearerToken(headers: Record<string, string | undefined>): string | undefined {
  const [, header] = /^bearer +(\S+)/i.exec(headers.authorization ?? '') ?? [];
  if (header) return header;
  const protocol = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .find((part) => part.startsWith(webSocketTokenPrefix));
  return protocol && Buffer.from(protocol.slice(webSocketTokenPrefix.length), 'base64url').toString();
}

async function tokenUser(token: string, options: AuthenticationOptions): Promise<UserInfo | undefined> {
  const { tokens, reader, clock, log } = options;
  try {
    const own = tokens.authenticate(token)?.user ?? authenticateBootstrapToken(token, { reader, clock });
    return own ?? (await userOfOthers(token, options.others ?? [], log));
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    log.warn('refused a bearer token', { error });
    return undefined;
  }
}

/** The first that knows the token says whose it is; one that fails does not keep the next from being asked. */
export async function userOfOthers(
  token: string,
  others: readonly TokenAuthenticator[],
  log: Logger,
): Promise<UserInfo | undefined> {
  let failure: TokenError | undefined;
  for (const other of others) {
    try {
      const user = await other.authenticate(token);
      if (user) return user;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      log.debug('a bearer token was not believed', { error });
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return undefined;
}
