import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

export interface Polled<T> {
  /** Undefined until the first answer. */
  value: Signal<T | undefined>;
  /** Message of the last failure; undefined after a success. */
  problem: Signal<string | undefined>;
}

/** Loads at once and then every `periodMs` after an answer, anew for each `key`, until the component goes. */
export function usePolled<T>(key: string, periodMs: number, load: (signal: AbortSignal) => Promise<T>): Polled<T> {
  const value = useSignal<T | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = async () => {
      try {
        value.value = await load(abort.signal);
        problem.value = undefined;
      } catch (error) {
        if (!abort.signal.aborted) problem.value = (error as Error).message;
      }
      if (!abort.signal.aborted) timer = setTimeout(refresh, periodMs);
    };
    void refresh();
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key]);
  return { value, problem };
}
