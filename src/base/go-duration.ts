const unitMs: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** '1h2m3.5s' as time.ParseDuration of Go reads it. None is negative where we read one. */
export function goDurationMs(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  const whole = parts.map(([part]) => part).join('');
  if (parts.length === 0 || whole !== text.replace(/^\+/, '')) throw new Error(`invalid duration "${text}"`);
  return parts.reduce((total, [, number, unit]) => total + Number(number) * unitMs[unit!]!, 0);
}
