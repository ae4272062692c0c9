import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type ShutdownWatch, watchShutdown } from '../../linux/logind.ts';
import type { ShutdownGracePeriod } from '../configuration.ts';

const retryMs = 5000;

interface Parts {
  periods: ShutdownGracePeriod[];
  clock: Clock;
  log: Logger;
  /** Ends the Pods. */
  shutDown(): Promise<void>;
  calledOff(): void;
}

/**
 * Has the machine wait until the Pods have ended, where systemd-logind is asked before it goes down (kubelet
 * nodeshutdown_manager_linux.go). How long logind lets it wait is the administrator's: nothing of that is changed.
 */
export class MachineShutdown {
  readonly #parts: Parts;
  #watch: ShutdownWatch | undefined;
  #cancel = () => {};
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Does nothing where the configuration gives Pods no time. */
  async start(): Promise<void> {
    if (this.#parts.periods.length === 0 || this.#stopped) return;
    const { log, periods, calledOff } = this.#parts;
    try {
      const lost = (error: Error) => this.#lost(error);
      const who = { who: 'kubelet', why: 'Kubelet needs time to handle node shutdown' };
      const watch = await watchShutdown(who, { shutdown: () => void this.#shutDown(), calledOff, lost });
      if (this.#stopped) watch?.close();
      else this.#watch = watch;
      const wanted = periods.reduce((sum, one) => sum + one.shutdownGracePeriodSeconds, 0);
      if (watch && watch.maxDelayMs < wanted * 1000)
        log.warn('the machine waits less for a shutdown than shutdownGracePeriod asks for', {
          seconds: watch.maxDelayMs / 1000,
          hint: `InhibitDelayMaxSec=${wanted} in the section [Login] of /etc/systemd/logind.conf.d/kubelet.conf`,
        });
    } catch (error) {
      log.warn('cannot ask systemd-logind to wait for pods', { error });
      this.#startLater();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#watch?.close();
  }

  async #shutDown(): Promise<void> {
    this.#parts.log.info('the machine is going down');
    try {
      await this.#parts.shutDown();
    } finally {
      this.#watch?.release();
    }
  }

  #lost(error: Error): void {
    // Or the machine would wait for who will never answer.
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#stopped) return;
    this.#parts.log.warn('lost systemd-logind', { error });
    this.#startLater();
  }

  #startLater(): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(retryMs, () => void this.start());
  }
}
