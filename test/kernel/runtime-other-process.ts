import { openFixture, shell } from './runtime-fixture.ts';

// Started by runtime.test.ts, which kills this process and re-adopts its containers.
const fixture = await openFixture();
const long = await fixture.runtime.startContainer(shell(fixture, 'sleep 600', { id: 'long' }));
await fixture.runtime.startContainer(shell(fixture, 'sleep 0.4; exit 9', { id: 'short' }));
console.log(JSON.stringify({ dir: fixture.dir, long: long.pid }));
setInterval(() => {}, 1000);
