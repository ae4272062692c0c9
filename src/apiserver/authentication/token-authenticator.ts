import type { UserInfo } from '../request.ts';

/** Somebody outside who may know a bearer token. */
export interface TokenAuthenticator {
  /** Undefined: it is none of theirs. Throws a TokenError when it is, but must not be believed. */
  authenticate(token: string): Promise<UserInfo | undefined>;
}
