import type { Pod, Toleration } from '../../api/generated/core-v1.ts';
import type { AdmissionPlugin } from '../request.ts';
import { isPod } from './refuse.ts';

const keys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const seconds = 300;

/** Pods stay for five minutes on a node that stopped answering (plugin/pkg/admission/defaulttolerationseconds). */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: (attributes) =>
    isPod(attributes) && (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE'),
  async admit({ object }) {
    const { spec } = object as Pod;
    if (!spec) return;
    const missing = keys.filter((key) => !spec.tolerations?.some((toleration) => tolerates(toleration, key)));
    if (missing.length === 0) return;
    spec.tolerations = [
      ...(spec.tolerations ?? []),
      ...missing.map(
        (key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: seconds }) as Toleration,
      ),
    ];
  },
};

function tolerates(toleration: Toleration, key: string): boolean {
  return (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === 'NoExecute');
}
