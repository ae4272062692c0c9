import fs from 'node:fs';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Record<string, unknown>;

/** One line an event: time, level, component, message, fields as key=value. An Error field prints its whole cause chain. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under a longer component name: 'kubelet' gives 'kubelet/probes'. */
  child(component: string): Logger;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger that writes lines to `write` (default: standard error), dropping what is below `level`. @default info */
export function createLogger(component: string, { level = 'info' as LogLevel, write = toStandardError } = {}): Logger {
  const emit = (at: LogLevel, message: string, fields: LogFields = {}) => {
    if (order[at] < order[level]) return;
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${render(value)}`);
    write(`${new Date().toISOString()} ${at.padEnd(5)} ${component}: ${message}${rest.join('')}\n`);
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    child: (name) => createLogger(`${component}/${name}`, { level, write }),
  };
}

/** Straight to the descriptor: a stream that has met a full disk never writes again. A line that finds no room is lost. */
function toStandardError(line: string): void {
  try {
    fs.writeSync(2, line);
  } catch {
    // Nobody can be told.
  }
}

/** A logger that drops everything, for tests and tools. */
export const silentLogger: Logger = createLogger('silent', { write: () => {} });

function render(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(errorChain(value));
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === undefined || /[\s"=]/.test(text) ? JSON.stringify(text ?? null) : text;
}

/** 'outer: inner: root' for an error and its causes. */
export function errorChain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${errorChain(error.cause)}`;
}
