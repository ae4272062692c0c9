import type { ReplicaSet } from '../api/generated/apps-v1.ts';
import type { ReplicationController } from '../api/generated/core-v1.ts';
import { builtin, type Resource } from '../api/resource.ts';
import type { Controller, ControllerContext } from '../client/controller.ts';
import { replicaController } from './replicaset.ts';

const replicationControllers = builtin<ReplicationController>('', 'v1', 'replicationcontrollers');

/**
 * Keeps a ReplicationController's number of Pods. It is a ReplicaSet but for its selector, which is a map of labels
 * (kubernetes pkg/controller/replication/conversion.go).
 */
export const replicationControllerController = (context: ControllerContext): Controller =>
  replicaController(context, {
    name: 'replicationcontroller',
    resource: replicationControllers as Resource<never> as Resource<ReplicaSet>,
    selectorOf: ({ spec }) => {
      const matchLabels = spec.selector as unknown as Record<string, string> | undefined;
      return matchLabels && Object.keys(matchLabels).length > 0 ? { matchLabels } : undefined;
    },
    countsTerminating: false,
  });
