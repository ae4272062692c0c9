import { unauthorized } from '../../api/status-error.ts';
import type { PeerCertificate, UserInfo } from '../request.ts';

/** --requestheader-allowed-names, as the ConfigMap extension-apiserver-authentication tells extension servers. */
export const allowedProxies = ['front-proxy-client'];

const extraPrefix = 'x-remote-extra-';

/** On whose behalf a proxy asks (apiserver pkg/authentication/request/headerrequest); undefined if it does not say. */
export function proxiedUser(
  { commonName }: PeerCertificate,
  headers: Record<string, string | undefined>,
): UserInfo | undefined {
  const name = headers['x-remote-user'];
  if (!name) return undefined;
  if (!allowedProxies.includes(commonName)) throw unauthorized();
  const listOf = (header: string | undefined) => (header ? header.split(',').map((part) => part.trim()) : []);
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith(extraPrefix)) extra[decode(header.slice(extraPrefix.length))] = listOf(value).map(decode);
  const [uid, groups] = [headers['x-remote-uid'], listOf(headers['x-remote-group'])];
  // They are said, and not to be passed on.
  for (const header of Object.keys(headers)) if (header.startsWith('x-remote-')) delete headers[header];
  return {
    ...{ name, groups },
    ...(uid && { uid }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
