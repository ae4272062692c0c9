import { MemoryStore } from './memory.ts';
import { storeSuite } from './store.suite.ts';

storeSuite('memory', async () => new MemoryStore());
