import type * as admission from './generated/admissionregistration-v1.ts';
import type * as core from './generated/core-v1.ts';
import type * as discovery from './generated/discovery-v1.ts';
import type * as networking from './generated/networking-v1.ts';
import type * as rbac from './generated/rbac-v1.ts';
import { imageTag } from './image-name.ts';

/**
 * Defaults of structs, by type, wherever in an object they occur: the SetDefaults_* functions of pkg/apis/…/defaults.go
 * that are not about a whole kind (those are in kinds/).
 */
export const structDefaults: ReadonlyMap<string, (value: never) => void> = new Map([
  ...core1(),
  ...webhooks(),
  of<discovery.EndpointPort>('discovery/v1.EndpointPort', (port) => {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }),
  of<networking.NetworkPolicyPort>('networking/v1.NetworkPolicyPort', (port) => {
    port.protocol ??= 'TCP';
  }),
  of<rbac.Subject>('rbac/v1.Subject', (subject) => {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = 'rbac.authorization.k8s.io';
  }),
  of<rbac.RoleRef>('rbac/v1.RoleRef', (ref) => {
    ref.apiGroup ||= 'rbac.authorization.k8s.io';
  }),
]);

type Entry = [string, (value: never) => void];

function of<T>(type: string, apply: (value: T) => void): Entry {
  return [type, apply as (value: never) => void];
}

/** pkg/apis/core/v1/defaults.go */
function core1(): Entry[] {
  return [
    of<core.PodSpec>('core/v1.PodSpec', (spec) => {
      spec.dnsPolicy ||= 'ClusterFirst';
      spec.restartPolicy ||= 'Always';
      // The old name; templates keep both once one is given.
      if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
      else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
      spec.securityContext ??= {};
      spec.terminationGracePeriodSeconds ??= 30;
      spec.schedulerName ||= 'default-scheduler';
    }),
    of<core.Container>('core/v1.Container', defaultContainer),
    of<core.EphemeralContainer>('core/v1.EphemeralContainer', defaultContainer),
    of<core.Probe>('core/v1.Probe', (probe) => {
      probe.timeoutSeconds ||= 1;
      probe.periodSeconds ||= 10;
      probe.successThreshold ||= 1;
      probe.failureThreshold ||= 3;
    }),
    of<core.HTTPGetAction>('core/v1.HTTPGetAction', (action) => {
      action.path ||= '/';
      action.scheme ||= 'HTTP';
    }),
    of<core.ObjectFieldSelector>('core/v1.ObjectFieldSelector', (selector) => {
      selector.apiVersion ||= 'v1';
    }),
    ...volumes(),
    of<core.PersistentVolumeClaimSpec>('core/v1.PersistentVolumeClaimSpec', (spec) => {
      spec.volumeMode ??= 'Filesystem';
    }),
    of<core.PersistentVolumeClaim>('core/v1.PersistentVolumeClaim', (claim) => {
      claim.status ??= {};
      claim.status.phase ||= 'Pending';
    }),
    of<core.EndpointPort>('core/v1.EndpointPort', (port) => {
      port.protocol ||= 'TCP';
    }),
    of<core.LimitRangeItem>('core/v1.LimitRangeItem', defaultLimits),
  ];
}

function volumes(): Entry[] {
  const mode = (type: string) =>
    of<{ defaultMode?: number }>(type, (source) => {
      source.defaultMode ??= 0o644;
    });
  return [
    of<core.Volume>('core/v1.Volume', (volume) => {
      // A volume with nothing but a name is an emptyDir.
      if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
      if (volume.image && !volume.image.pullPolicy)
        volume.image.pullPolicy = imageTag(volume.image.reference ?? '') === 'latest' ? 'Always' : 'IfNotPresent';
    }),
    mode('core/v1.SecretVolumeSource'),
    mode('core/v1.ConfigMapVolumeSource'),
    mode('core/v1.DownwardAPIVolumeSource'),
    mode('core/v1.ProjectedVolumeSource'),
    of<core.HostPathVolumeSource>('core/v1.HostPathVolumeSource', (source) => {
      source.type ??= '';
    }),
    of<core.ServiceAccountTokenProjection>('core/v1.ServiceAccountTokenProjection', (source) => {
      source.expirationSeconds ??= 3600;
    }),
  ];
}

function defaultContainer(container: core.Container | core.EphemeralContainer): void {
  container.imagePullPolicy ||= imageTag(container.image ?? '') === 'latest' ? 'Always' : 'IfNotPresent';
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
}

function defaultLimits(item: core.LimitRangeItem): void {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

/** pkg/apis/admissionregistration/v1/defaults.go */
function webhooks(): Entry[] {
  const webhook = (hook: admission.ValidatingWebhook | admission.MutatingWebhook) => {
    hook.failurePolicy ??= 'Fail';
    hook.matchPolicy ??= 'Equivalent';
    hook.namespaceSelector ??= {};
    hook.objectSelector ??= {};
    hook.timeoutSeconds ??= 10;
  };
  return [
    of<admission.ValidatingWebhook>('admissionregistration/v1.ValidatingWebhook', webhook),
    of<admission.MutatingWebhook>('admissionregistration/v1.MutatingWebhook', (hook) => {
      webhook(hook);
      hook.reinvocationPolicy ??= 'Never';
    }),
    of<admission.RuleWithOperations>('admissionregistration/v1.RuleWithOperations', (rule) => {
      rule.scope ??= '*';
    }),
    of<admission.NamedRuleWithOperations>('admissionregistration/v1.NamedRuleWithOperations', (rule) => {
      rule.scope ??= '*';
    }),
    of<admission.ServiceReference>('admissionregistration/v1.ServiceReference', (reference) => {
      reference.port ??= 443;
    }),
    of<admission.MatchResources>('admissionregistration/v1.MatchResources', (match) => {
      match.matchPolicy ??= 'Equivalent';
      match.namespaceSelector ??= {};
      match.objectSelector ??= {};
    }),
  ];
}
