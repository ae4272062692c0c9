import * as koffi from 'koffi';

const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)') as (pad: number) => number;

/**
 * Gives pages to the kernel that malloc has free in the middle of its heaps (malloc_trim(3)): free(3) itself gives back
 * only what lies at their ends.
 */
export function giveBackFreeMemory(): void {
  trim(0);
}
