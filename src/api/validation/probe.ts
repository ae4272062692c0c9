import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  Probe,
  SleepAction,
  TCPSocketAction,
} from '../generated/core-v1.ts';
import { httpHeaderName, portName, portNumber } from '../names.ts';
import type { Cause } from '../status-error.ts';
import { forbiddenField, invalidEach, invalidValue, none, notSupported, required } from './field-error.ts';

export type ProbeKind = 'livenessProbe' | 'readinessProbe' | 'startupProbe';

/** A probe of a container (pkg/apis/core/validation validateProbe). */
export function validateProbe(probe: Probe | undefined, kind: ProbeKind, graceSeconds: number, path: string): Cause[] {
  if (!probe) return none;
  const errors = validateHandler(probe, graceSeconds, path);
  for (const field of probeNumbers)
    if ((probe[field] ?? 0) < 0)
      errors.push(invalidValue(`${path}.${field}`, probe[field], 'must be greater than or equal to 0'));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (kind === 'readinessProbe') {
    if (grace !== undefined)
      errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  } else if (probe.successThreshold !== 1)
    errors.push(invalidValue(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  return errors;
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, graceSeconds: number, path: string): Cause[] {
  if (!lifecycle) return none;
  const errors: Cause[] = [];
  if (lifecycle.postStart) errors.push(...validateHandler(lifecycle.postStart, graceSeconds, `${path}.postStart`));
  if (lifecycle.preStop) errors.push(...validateHandler(lifecycle.preStop, graceSeconds, `${path}.preStop`));
  return errors;
}

/** A port by number or by the name that a container gives it. */
export function validatePortNumberOrName(port: number | string, path: string): Cause[] {
  return invalidEach(path, port, typeof port === 'number' ? portNumber(port) : portName(port));
}

const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

interface Handler {
  exec?: ExecAction;
  httpGet?: HTTPGetAction;
  tcpSocket?: TCPSocketAction;
  grpc?: GRPCAction;
  sleep?: SleepAction;
}

function validateHandler(handler: Handler, graceSeconds: number, path: string): Cause[] {
  const errors: Cause[] = [];
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const checks: [string, unknown, () => Cause[]][] = [
    ['exec', exec, () => (exec?.command?.length ? [] : [required(`${path}.exec.command`)])],
    ['httpGet', httpGet, () => validateHttpGet(httpGet as HTTPGetAction, `${path}.httpGet`)],
    ['tcpSocket', tcpSocket, () => validatePortNumberOrName(tcpSocket?.port ?? 0, `${path}.tcpSocket.port`)],
    ['grpc', grpc, () => validatePortNumberOrName(grpc?.port ?? 0, `${path}.grpc.port`)],
    ['sleep', sleep, () => validateSleep(sleep as SleepAction, graceSeconds, `${path}.sleep`)],
  ];
  let given = 0;
  for (const [name, value, check] of checks) {
    if (!value) continue;
    if (given++ > 0) errors.push(forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type'));
    else errors.push(...check());
  }
  if (given === 0) errors.push(required(path, 'must specify a handler type'));
  return errors;
}

function validateHttpGet(action: HTTPGetAction, path: string): Cause[] {
  const errors: Cause[] = [];
  if (!action.path) errors.push(required(`${path}.path`));
  errors.push(...validatePortNumberOrName(action.port, `${path}.port`));
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS')
    errors.push(notSupported(`${path}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS']));
  for (const { name } of action.httpHeaders ?? [])
    errors.push(...invalidEach(`${path}.httpHeaders`, name, httpHeaderName(name)));
  return errors;
}

/** Zero seconds are allowed since Kubernetes 1.34 (KEP-4818). */
function validateSleep(action: SleepAction, graceSeconds: number, path: string): Cause[] {
  if (action.seconds >= 0 && action.seconds <= graceSeconds) return none;
  return [
    invalidValue(
      path,
      action.seconds,
      `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
    ),
  ];
}
