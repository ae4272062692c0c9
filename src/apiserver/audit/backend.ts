import type { AuditEvent } from './event.ts';

/** Where audit events go. */
export interface AuditBackend {
  write(event: AuditEvent): void;
  /** Gives on what it still has. */
  close(): void | Promise<void>;
}

/** Tells several backends of each event. */
export function allBackends(backends: readonly AuditBackend[]): AuditBackend {
  const [first, ...others] = backends;
  if (first && others.length === 0) return first;
  return {
    write(event) {
      for (const backend of backends) backend.write(event);
    },
    async close() {
      await Promise.all(backends.map((backend) => backend.close()));
    },
  };
}
