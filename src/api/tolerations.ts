import type { Taint, Toleration } from './generated/core-v1.ts';

/** Whether one of the tolerations tolerates the taint (core/v1 Toleration.ToleratesTaint). */
export function tolerates(tolerations: Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => {
    if (toleration.effect && toleration.effect !== taint.effect) return false;
    if (toleration.key && toleration.key !== taint.key) return false;
    if (toleration.operator === 'Exists') return true;
    return !!toleration.key && (toleration.value ?? '') === (taint.value ?? '');
  });
}
