import type { Environment } from '@marcbachmann/cel-js';
import { registerAddresses } from './addresses.ts';
import { registerComprehensions } from './comprehensions.ts';
import { registerConversions } from './conversions.ts';
import { registerFormats } from './formats.ts';
import { registerImages } from './images.ts';
import { registerLists } from './lists.ts';
import { registerLiterals } from './literals.ts';
import { registerOptionals } from './optionals.ts';
import { registerPresence } from './presence.ts';
import { registerQuantities } from './quantities.ts';
import { registerSemver } from './semver.ts';
import { registerStrings } from './strings.ts';
import { registerUrls } from './urls.ts';

/** What Kubernetes adds to CEL (apiserver pkg/cel/environment/base.go). */
export function registerKubernetesFunctions(environment: Environment): void {
  registerLists(environment);
  registerStrings(environment);
  registerUrls(environment);
  registerQuantities(environment);
  registerAddresses(environment);
  registerSemver(environment);
  registerFormats(environment);
  registerComprehensions(environment);
  registerConversions(environment);
  registerOptionals(environment);
  registerLiterals(environment);
  registerPresence(environment);
  registerImages(environment);
}
