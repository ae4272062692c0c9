import { unauthorized } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Authenticator, ObjectReader, PeerCertificate, UserInfo } from '../request.ts';
import { authenticateBootstrapToken } from './bootstrap-tokens.ts';
import { anonymous, withAuthenticatedGroup } from './groups.ts';
import { proxiedUser } from './request-headers.ts';
import { type ServiceAccountTokens, TokenError } from './service-account-tokens.ts';

export interface AuthenticationOptions {
  reader: ObjectReader;
  tokens: ServiceAccountTokens;
  clock: Clock;
  log: Logger;
  /** Whether requests without credentials are served as system:anonymous. @default true */
  allowAnonymous?: boolean;
}

/**
 * Who sends a request: the first of these that knows. A certificate comes first because the handshake has proved it
 * already; anonymous comes last, for requests without a credential that anybody here understands
 * (kubeapiserver/authenticator/config.go).
 */
export function createAuthenticator(options: AuthenticationOptions): Required<Authenticator> {
  const { allowAnonymous = true } = options;
  return {
    async authenticate({ certificate, headers }) {
      const behindProxy = certificate?.frontProxy ? proxiedUser(certificate, headers) : undefined;
      if (behindProxy) return withAuthenticatedGroup(behindProxy);
      const fromCertificate = certificateUser(certificate);
      if (fromCertificate) return withAuthenticatedGroup(fromCertificate);
      const token = bearerToken(headers);
      if (token !== undefined) {
        const user = tokenUser(token, options);
        if (!user) throw unauthorized();
        return withAuthenticatedGroup(user);
      }
      if (!allowAnonymous) throw unauthorized();
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

function tokenUser(token: string, { tokens, reader, clock, log }: AuthenticationOptions): UserInfo | undefined {
  try {
    return tokens.authenticate(token)?.user ?? authenticateBootstrapToken(token, { reader, clock });
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    log.warn('refused a bearer token', { error });
    return undefined;
  }
}
