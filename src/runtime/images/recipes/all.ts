import type { BuildSpec } from '../../runtime.ts';
import { httpdRecipe } from './httpd.ts';

/** Images that can be made without a registry, by name. */
export const recipes: Record<string, BuildSpec> = { httpd: httpdRecipe };
