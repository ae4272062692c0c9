import type { Container, PodSpec } from '../api/generated/core-v1.ts';

/** Whether an init container is a sidecar: started in order, then kept running beside the others (KEP-753). */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Whether a container that ended with this code starts again (api/v1/pod ContainerShouldRestart, KEP-5307). */
export function shouldRestart(spec: PodSpec, container: Container, exitCode: number): boolean {
  for (const rule of container.restartPolicyRules ?? []) {
    const listed = rule.exitCodes?.values?.includes(exitCode) ?? false;
    const matches = rule.exitCodes?.operator === 'NotIn' ? !listed : listed;
    if (matches && rule.action === 'Restart') return true;
  }
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** Whether a failing init container is run again. */
export function shouldRestartInit(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (exitCode === 0) return false;
  if (container.restartPolicy || container.restartPolicyRules) return shouldRestart(spec, container, exitCode);
  return (spec.restartPolicy ?? 'Always') !== 'Never';
}
