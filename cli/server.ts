import { runProcess } from '../src/main.ts';
import { type Command, stringOption } from './command.ts';

export const command: Command = {
  options: { 'api-port': { type: 'string' } },
  help: `
Runs the control-plane process in the foreground: API server, controllers, scheduler. 'vitrine up' starts it in the
background. Ends on SIGTERM or SIGINT.

  --api-port PORT    port of the API on 127.0.0.1, chosen at the first start`,
  run: (invocation) =>
    runProcess('server', invocation.name, { apiPort: Number(stringOption(invocation, 'api-port')) || undefined }),
};
