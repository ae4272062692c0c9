import type { ConfigMap } from './api/generated/core-v1.ts';
import type { Draft, KubeObject } from './api/object.ts';
import { clusterRoleBindings, configMaps, type Resource, roleBindings, roles } from './api/resource.ts';
import type { DefaultObject } from './apiserver/bootstrap/default-objects.ts';
import type { AddressPlan } from './network/address-plan.ts';

/** What all nodes of a cluster have in common of its addresses. */
export type SharedPlan = Pick<
  AddressPlan,
  'podCidr' | 'serviceCidr' | 'loadBalancerCidr' | 'nodeCidr' | 'dnsServiceIp'
>;

/** kube-system's ConfigMap that tells nodes of it, as kubeadm's kubeadm-config. */
export const configName = 'vitrine-config';

const rbac = 'rbac.authorization.k8s.io';
const bootstrappers = { kind: 'Group', apiGroup: rbac, name: 'system:bootstrappers' };
const nodeGroup = { kind: 'Group', apiGroup: rbac, name: 'system:nodes' };

/**
 * What a machine with a bootstrap token may do to become a node: ask for a kubelet's certificate, which is approved, and
 * read how the cluster is laid out (kubeadm's phases bootstrap-token and upload-config).
 */
export function joinObjects(plan: SharedPlan): DefaultObject[] {
  const { podCidr, serviceCidr, loadBalancerCidr, nodeCidr, dnsServiceIp } = plan;
  const namespace = 'kube-system';
  const clusterRole = (name: string) => ({ apiGroup: rbac, kind: 'ClusterRole', name });
  const approval = 'system:certificates.k8s.io:certificatesigningrequests';
  const bind = (name: string, role: string, subject: typeof nodeGroup) =>
    row(clusterRoleBindings, { metadata: { name }, roleRef: clusterRole(role), subjects: [subject] }, 'rbac');
  const name = `vitrine:${configName}`;
  return [
    row<ConfigMap>(
      configMaps,
      {
        metadata: { name: configName, namespace },
        data: { podCidr, serviceCidr, loadBalancerCidr, nodeCidr, dnsServiceIp },
      },
      'restore',
    ),
    row(
      roles,
      {
        metadata: { name, namespace },
        rules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: [configName] }],
      },
      'rbac',
    ),
    row(
      roleBindings,
      {
        metadata: { name, namespace },
        roleRef: { apiGroup: rbac, kind: 'Role', name },
        subjects: [bootstrappers, nodeGroup],
      },
      'rbac',
    ),
    bind('vitrine:kubelet-bootstrap', 'system:node-bootstrapper', bootstrappers),
    bind('vitrine:node-autoapprove-bootstrap', `${approval}:nodeclient`, bootstrappers),
    bind('vitrine:node-autoapprove-certificate-rotation', `${approval}:selfnodeclient`, nodeGroup),
  ];
}

function row<T extends KubeObject>(
  resource: Resource<T>,
  object: Draft<T>,
  reconcile: DefaultObject['reconcile'],
): DefaultObject {
  return { resource, object, reconcile } as DefaultObject;
}
