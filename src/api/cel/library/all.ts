import type { Environment } from '@marcbachmann/cel-js';
import { registerAddresses } from './addresses.ts';
import { registerComprehensions } from './comprehensions.ts';
import { registerFormats } from './formats.ts';
import { registerLists } from './lists.ts';
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
}
