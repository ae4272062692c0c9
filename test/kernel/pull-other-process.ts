import { openLinux } from '../../src/linux/open.ts';
import { openImages } from '../../src/runtime/images/images.ts';
import { log } from './runtime-fixture.ts';

/** Pulls an image into a store: a process to be killed on the way. */
const [dir = '', name = ''] = process.argv.slice(2);
const images = await openImages({ dir, linux: await openLinux({ log }), log });
await images.pull(name);
