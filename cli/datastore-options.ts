import path from 'node:path';
import type { DatastoreAddress } from '../src/datastore.ts';
import { type Invocation, stringOption, UsageError } from './command.ts';

export const datastoreOptions = {
  datastore: { type: 'string' as const },
  'datastore-cafile': { type: 'string' as const },
  'datastore-certfile': { type: 'string' as const },
  'datastore-keyfile': { type: 'string' as const },
};

export const datastoreHelp = `
  --datastore URL[,URL…]      keep the objects in etcd instead of a file: http://127.0.0.1:2379, or https. Chosen at the
                              first start and kept; each cluster has keys of its own there
  --datastore-cafile FILE     PEM of the authority that signed etcd's certificate
  --datastore-certfile FILE   PEM of our certificate for etcd, and
  --datastore-keyfile FILE    of its key`;

/** The etcd that the options name, if any. */
export function datastoreFrom(invocation: Invocation): DatastoreAddress | undefined {
  const text = stringOption(invocation, 'datastore');
  const file = (option: string) => {
    const value = stringOption(invocation, option);
    if (value && !text) throw new UsageError(`--${option} needs --datastore`);
    return value && path.resolve(value);
  };
  const [caFile, certFile, keyFile] = [file('datastore-cafile'), file('datastore-certfile'), file('datastore-keyfile')];
  if (text === undefined) return undefined;
  if (!certFile !== !keyFile) throw new UsageError('--datastore-certfile and --datastore-keyfile go together');
  const endpoints = text.split(',').map(endpoint);
  return { endpoints, ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
}

function endpoint(text: string): string {
  const wrong = (why: string) => new UsageError(`--datastore "${text}": ${why}`);
  if (!URL.canParse(text)) throw wrong('must be a URL such as http://127.0.0.1:2379');
  const { protocol, pathname, origin, username } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') throw wrong('must begin with http:// or https://');
  if (pathname !== '/' || username) throw wrong('must be scheme, host and port, nothing else');
  return origin;
}
