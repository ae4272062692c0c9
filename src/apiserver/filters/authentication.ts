import { unauthorized } from '../../api/status-error.ts';
import type { ServerHandler, ServerRequest } from '../http/exchange.ts';
import type { Authenticator } from '../request.ts';

/** The first authenticator that knows the caller says who it is; if none does, 401. `failed` is told of it. */
export function authentication(
  next: ServerHandler,
  authenticators: readonly Authenticator[],
  failed?: (request: ServerRequest, error: unknown) => void,
): ServerHandler {
  return async (request) => {
    try {
      request.user = request.trustedUser ?? (await authenticate());
    } catch (error) {
      failed?.(request, error);
      throw error;
    }
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
