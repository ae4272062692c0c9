import { apiVersionOf, builtinResources, type ResourceInfo } from '../api/resource.ts';

/**
 * Which APIs are served, as kube-apiserver's --runtime-config says it (apiserver/pkg/server/resourceconfig):
 * 'GROUP/VERSION=true', 'GROUP/VERSION/RESOURCE=false', 'api/beta=true', 'api/all=true'; the more exact wins.
 */
export function parseRuntimeConfig(text: string): (info: ResourceInfo) => boolean {
  const settings = new Map(text.split(',').filter(Boolean).map(setting));
  return (info) => {
    const version = apiVersionOf(info);
    const kind = info.version.includes('beta') ? 'api/beta' : 'api/ga';
    const said = [`${version}/${info.resource}`, version, kind, 'api/all'].map((key) => settings.get(key));
    return said.find((value) => value !== undefined) ?? !info.offByDefault;
  };
}

function setting(text: string): [string, boolean] {
  const [key = '', value = 'true'] = text.split('=');
  if (value !== 'true' && value !== 'false') throw new Error(`invalid value of ${key}=${value}, must be true or false`);
  const known = builtinResources.some((info) =>
    [apiVersionOf(info), `${apiVersionOf(info)}/${info.resource}`].includes(key),
  );
  if (!known && !['api/all', 'api/ga', 'api/beta', 'api/alpha'].includes(key)) throw new Error(`unknown api "${key}"`);
  return [key, value === 'true'];
}
