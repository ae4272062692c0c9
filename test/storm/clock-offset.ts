import fs from 'node:fs';

/**
 * Loaded with --import into both processes: the time that they see is off by what the file says, as if somebody had set the
 * clock. (The machine's own is not ours to set, and time namespaces shift only clocks that nobody sets.)
 */
const file = process.env.STORM_CLOCK_FILE;
const RealDate = Date;
let offsetMs = 0;

if (file) {
  const read = () => {
    try {
      offsetMs = Number(fs.readFileSync(file, 'utf8')) || 0;
    } catch {
      offsetMs = 0;
    }
  };
  read();
  setInterval(read, 100).unref();
  const now = () => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length > 0 ? args : [now()], self),
    apply: () => new RealDate(now()).toString(),
    get: (target, key, self) => (key === 'now' ? now : Reflect.get(target, key, self)),
  });
}
