import type { ContainerRestartRule, Lifecycle, PodSpec } from '../generated/core-v1.ts';
import type { Cause } from '../status-error.ts';
import { at, forbiddenField, none, notSupported, required, tooMany } from './field-error.ts';

const policies = ['Always', 'Never', 'OnFailure'];
const actions = ['Restart', 'RestartAllContainers'];
const operators = ['In', 'NotIn'];
const maxRules = 20;
const maxExitCodes = 255;

/** KEP-5307: every container may have a restart policy of its own, and rules by exit code (validateContainerRestartPolicy). */
export function validateRestartPolicy(
  container: { restartPolicy?: string; restartPolicyRules?: ContainerRestartRule[] },
  path: string,
): Cause[] {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  const errors: Cause[] = [];
  if (restartPolicy === undefined) {
    if (rules.length)
      errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  } else if (!policies.includes(restartPolicy))
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, policies));
  if (rules.length > maxRules) errors.push(tooMany(`${path}.restartPolicyRules`, rules.length, maxRules));
  for (const [i, rule] of rules.entries()) errors.push(...validateRule(rule, at(`${path}.restartPolicyRules`, i)));
  return errors;
}

function validateRule({ action = '', exitCodes }: ContainerRestartRule, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!actions.includes(action)) errors.push(notSupported(`${path}.action`, action, actions));
  if (!exitCodes) return [...errors, required(`${path}.exitCodes`, 'must be specified')];
  const { operator = '', values = [] } = exitCodes;
  if (!operators.includes(operator)) errors.push(notSupported(`${path}.exitCodes.operator`, operator, operators));
  if (values.length > maxExitCodes) errors.push(tooMany(`${path}.exitCodes.values`, values.length, maxExitCodes));
  return errors;
}

const names =
  'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
  'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX';
const stopSignals = [
  ...names.split(' '),
  ...Array.from({ length: 15 }, (_, i) => `RTMIN+${i + 1}`),
  ...Array.from({ length: 14 }, (_, i) => `RTMAX-${i + 1}`),
]
  .map((name) => `SIG${name}`)
  .toSorted();

/** KEP-4960: which signals there are depends on the system, so the Pod has to name it (validateStopSignal). */
export function validateStopSignal({ stopSignal }: Lifecycle, os: PodSpec['os'], path: string): Cause[] {
  if (stopSignal === undefined) return none;
  if (!os?.name)
    return [forbiddenField(`${path}.stopSignal`, 'may not be set for containers with empty `spec.os.name`')];
  const supported = os.name === 'windows' ? ['SIGKILL', 'SIGTERM'] : stopSignals;
  return supported.includes(stopSignal) ? none : [notSupported(`${path}.stopSignal`, stopSignal, supported)];
}
