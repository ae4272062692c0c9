import { unauthorized } from '../../api/status-error.ts';
import type { ServerHandler } from '../http/exchange.ts';
import type { Authenticator } from '../request.ts';

/** The first authenticator that knows the caller says who it is; if none does, 401. */
export function authentication(next: ServerHandler, authenticators: readonly Authenticator[]): ServerHandler {
  return async (request) => {
    request.user = request.trustedUser ?? (await authenticate());
    return next(request);

    async function authenticate() {
      if (request.badCertificate) throw unauthorized();
      for (const authenticator of authenticators) {
        const user = await authenticator.authenticate(request);
        if (user) return user;
      }
      throw unauthorized();
    }
  };
}
