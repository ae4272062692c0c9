import type { Container, ContainerRestartRule, PodSpec } from '../api/generated/core-v1.ts';

/** Whether an init container is a sidecar: started in order, then kept running beside the others (KEP-753). */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Whether a container that ended with this code starts again (api/v1/pod ContainerShouldRestart, KEP-5307). */
export function shouldRestart(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (matchingRule(container, exitCode)) return true;
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** Whether the end of this container with this code restarts all containers of its Pod (KEP-5532). */
export const restartsAll = (container: Container, exitCode: number): boolean =>
  matchingRule(container, exitCode)?.action === 'RestartAllContainers';

/** Whether the end of one of the Pod's containers may restart them all. */
export const mayRestartAll = ({ initContainers = [], containers }: PodSpec): boolean =>
  [...initContainers, ...containers].some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );

/** The first rule that speaks of this exit code. */
function matchingRule({ restartPolicyRules = [] }: Container, exitCode: number): ContainerRestartRule | undefined {
  return restartPolicyRules.find(({ exitCodes }) => {
    const listed = exitCodes?.values?.includes(exitCode) ?? false;
    return exitCodes?.operator === 'NotIn' ? !listed : listed;
  });
}

/** Whether a failing init container is run again. */
export function shouldRestartInit(spec: PodSpec, container: Container, exitCode: number): boolean {
  if (exitCode === 0) return false;
  if (container.restartPolicy || container.restartPolicyRules) return shouldRestart(spec, container, exitCode);
  return (spec.restartPolicy ?? 'Always') !== 'Never';
}
