import { runProcess } from '../src/main.ts';
import { apiServerFlagsFrom, apiServerHelp, apiServerOptions } from './api-server-options.ts';
import { type Command, stringOption, UsageError } from './command.ts';
import { datastoreFrom, datastoreHelp, datastoreOptions } from './datastore-options.ts';
import { portOption } from './up.ts';

export const command: Command = {
  options: {
    'api-port': { type: 'string' },
    'node-address': { type: 'string' },
    replica: { type: 'string' },
    ...datastoreOptions,
    ...apiServerOptions,
  },
  help: `
Runs the control-plane process in the foreground: API server, controllers, scheduler. 'vitrine up' starts it in the
background. Ends on SIGTERM or SIGINT.

  --api-port PORT    port of the API on 127.0.0.1, chosen at the first start
  --node-address A   as of 'vitrine up'
${datastoreHelp}

kube-apiserver's flags, kept for later starts as with 'vitrine up':
${apiServerHelp}

  --replica NAME     one more server of a cluster on etcd. They share keys, configuration and port, and the kernel gives
                     each new connection to one of those that run; --api-port adds a port of this one's own. One of
                     them runs the controllers, one the scheduler; if it ends, another does

example, two servers beside each other:
  vitrine up --datastore http://127.0.0.1:2379
  vitrine server --replica b --api-port 6444`,
  run: (invocation) => {
    const replica = stringOption(invocation, 'replica');
    if (replica !== undefined && !/^[a-z0-9][a-z0-9-]*$/.test(replica))
      throw new UsageError(`--replica "${replica}": must be lower-case letters, digits and dashes`);
    const datastore = datastoreFrom(invocation);
    if (replica && datastore)
      throw new UsageError('--replica uses the datastore of its cluster: leave out --datastore');
    return runProcess('server', invocation.name, {
      apiPort: portOption(invocation),
      datastore,
      nodeAddress: stringOption(invocation, 'node-address'),
      replica,
      apiServerFlags: apiServerFlagsFrom(invocation),
    });
  },
};
