import { containerServices } from './containers.ts';
import { databaseServices } from './databases.ts';
import { networkServices } from './network.ts';
import type { ServiceKnowledge } from './service.ts';
import { systemServices } from './system.ts';
import { webServices } from './web.ts';

/** Everything that is known; to teach the survey a service, add it to the table of its kind. */
export const knownServices: ServiceKnowledge[] = [
  ...webServices,
  ...databaseServices,
  ...containerServices,
  ...systemServices,
  ...networkServices,
];
