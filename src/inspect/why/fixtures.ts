import type {
  ContainerState,
  ContainerStatus,
  Event,
  Node,
  Pod,
  PodSpec,
  Service,
} from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { metadata } from '../testing.ts';
import { noFacts, type WhyFacts } from './facts.ts';

/** Objects as the API shows them, made up for tests. */

export const now = Date.parse('2025-01-01T01:00:00Z');
export const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

export interface PodFixture {
  name?: string;
  spec?: Partial<PodSpec>;
  labels?: Record<string, string>;
  phase?: string;
  ready?: boolean;
  /** Of the container 'main'. */
  status?: Partial<ContainerStatus>;
  init?: Partial<ContainerStatus>;
  scheduled?: string | false;
  owner?: KubeObject;
  more?: Partial<Pod['status']>;
}

export function pod(fixture: PodFixture = {}): Pod {
  const { name = 'web', ready = false, scheduled, spec = {} } = fixture;
  const conditions = [
    { type: 'Ready', status: ready ? 'True' : 'False' },
    ...(scheduled === false
      ? []
      : [
          {
            type: 'PodScheduled',
            status: scheduled ? 'False' : 'True',
            ...(scheduled && { reason: 'Unschedulable', message: scheduled }),
          },
        ]),
  ];
  const owner = fixture.owner && {
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: fixture.owner.kind,
        name: fixture.owner.metadata.name,
        uid: fixture.owner.metadata.uid,
        controller: true,
      },
    ],
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, { labels: fixture.labels ?? { app: 'web' }, creationTimestamp: ago(300), ...owner }),
    spec: {
      containers: [{ name: 'main', image: 'httpd:latest' }],
      restartPolicy: 'Always',
      ...(scheduled === undefined && { nodeName: 'n1' }),
      ...spec,
    },
    status: {
      phase: fixture.phase ?? 'Pending',
      conditions,
      startTime: ago(300),
      ...(fixture.status && { containerStatuses: [containerStatus('main', fixture.status)] }),
      ...(fixture.init && { initContainerStatuses: [containerStatus('setup', fixture.init)] }),
      ...fixture.more,
    },
  } as Pod;
}

function containerStatus(name: string, fields: Partial<ContainerStatus>): ContainerStatus {
  return { name, image: 'httpd:latest', imageID: '', ready: false, restartCount: 0, ...fields };
}

export const waiting = (reason: string, message?: string): ContainerState => ({
  waiting: { reason, ...(message && { message }) },
});

export const ended = (
  exitCode: number,
  reason = exitCode === 0 ? 'Completed' : 'Error',
  message?: string,
): ContainerState => ({
  terminated: { exitCode, reason, startedAt: ago(20), finishedAt: ago(15), ...(message && { message }) },
});

/** A container that starts, ends and is kept from starting again. */
export const looping = (last: ContainerState, restartCount = 3): Partial<ContainerStatus> => ({
  state: waiting('CrashLoopBackOff', 'back-off 40s restarting failed container=main pod=web_default(uid-web)'),
  lastState: last,
  restartCount,
});

export const running = (fields: Partial<ContainerStatus> = {}): Partial<ContainerStatus> => ({
  state: { running: { startedAt: ago(60) } },
  started: true,
  ...fields,
});

export function node(
  name = 'n1',
  fields: { spec?: Node['spec']; labels?: Record<string, string>; conditions?: object[] } = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      ...metadata(name, { labels: { 'kubernetes.io/hostname': name, ...fields.labels } }),
      namespace: undefined,
    },
    spec: fields.spec ?? {},
    status: {
      allocatable: { cpu: '2', memory: '4Gi', pods: '110' },
      conditions: fields.conditions ?? [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  } as Node;
}

export function event(about: KubeObject, reason: string, message: string, count = 3): Event {
  const { name, namespace, uid } = about.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: metadata(`${name}.${reason}.${message.length}`),
    involvedObject: { kind: about.kind, name, namespace, uid },
    type: 'Warning',
    reason,
    message,
    count,
    lastTimestamp: ago(10),
  } as Event;
}

export function service(spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata('web'),
    spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }], type: 'ClusterIP', ...spec },
  } as Service;
}

/** Any other object. */
export const object = <T extends KubeObject>(
  kind: string,
  name: string,
  rest: object = {},
  more: Partial<KubeObject['metadata']> = {},
): T => ({ apiVersion: 'v1', kind, metadata: metadata(name, { uid: `uid-${kind}-${name}`, ...more }), ...rest }) as T;

export function facts(fields: Partial<WhyFacts> = {}): WhyFacts {
  return { ...noFacts(now), nodes: [node()], ...fields };
}
