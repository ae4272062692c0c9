import type { ConfigMap } from './api/generated/core-v1.ts';
import type { Subject } from './api/generated/rbac-v1.ts';
import type { Draft, KubeObject } from './api/object.ts';
import { clusterRoleBindings, configMaps, type Resource, roleBindings, roles } from './api/resource.ts';
import type { DefaultObject } from './apiserver/bootstrap/default-objects.ts';
import type { AddressPlan } from './network/address-plan.ts';

/** What all nodes of a cluster have in common of its addresses. */
export type SharedPlan = Pick<
  AddressPlan,
  'podCidr' | 'serviceCidr' | 'loadBalancerCidr' | 'nodeCidr' | 'dnsServiceIp'
>;

/** kube-public's ConfigMap that tells everybody which CA the cluster has (kubeadm's phase bootstrap-token). */
export const clusterInfoName = 'cluster-info';
/** kube-system's ConfigMap that tells nodes of the plan, as kubeadm's kubeadm-config. */
export const configName = 'vitrine-config';

const rbac = 'rbac.authorization.k8s.io';
const bootstrappers = { kind: 'Group', apiGroup: rbac, name: 'system:bootstrappers' };
const nodeGroup = { kind: 'Group', apiGroup: rbac, name: 'system:nodes' };

/**
 * What a machine with a bootstrap token may do to become a node: ask for a kubelet's certificate, which is approved, and
 * read how the cluster is laid out (kubeadm's phases bootstrap-token and upload-config).
 */
export function joinObjects(plan: SharedPlan, api: { server: string; ca: string }): DefaultObject[] {
  const { podCidr, serviceCidr, loadBalancerCidr, nodeCidr, dnsServiceIp } = plan;
  const namespace = 'kube-system';
  const clusterRole = (name: string) => ({ apiGroup: rbac, kind: 'ClusterRole', name });
  const approval = 'system:certificates.k8s.io:certificatesigningrequests';
  const bind = (name: string, role: string, subject: Subject) =>
    row(clusterRoleBindings, { metadata: { name }, roleRef: clusterRole(role), subjects: [subject] }, 'rbac');
  return [
    row<ConfigMap>(
      configMaps,
      {
        metadata: { name: configName, namespace },
        data: { podCidr, serviceCidr, loadBalancerCidr, nodeCidr, dnsServiceIp },
      },
      'restore',
    ),
    row<ConfigMap>(
      configMaps,
      { metadata: { name: clusterInfoName, namespace: 'kube-public' }, data: { kubeconfig: kubeconfigOf(api) } },
      'restore',
    ),
    ...mayRead(clusterInfoName, 'kube-public', [{ kind: 'User', apiGroup: rbac, name: 'system:anonymous' }]),
    ...mayRead(configName, namespace, [bootstrappers, nodeGroup]),
    bind('vitrine:kubelet-bootstrap', 'system:node-bootstrapper', bootstrappers),
    bind('vitrine:node-autoapprove-bootstrap', `${approval}:nodeclient`, bootstrappers),
    bind('vitrine:node-autoapprove-certificate-rotation', `${approval}:selfnodeclient`, nodeGroup),
  ];
}

function mayRead(name: string, namespace: string, subjects: Subject[]): DefaultObject[] {
  const metadata = { name: `vitrine:${name}`, namespace };
  const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: [name] }];
  const roleRef = { apiGroup: rbac, kind: 'Role', name: metadata.name };
  return [row(roles, { metadata, rules }, 'rbac'), row(roleBindings, { metadata, roleRef, subjects }, 'rbac')];
}

function kubeconfigOf({ server, ca }: { server: string; ca: string }): string {
  const cluster = { 'certificate-authority-data': Buffer.from(ca).toString('base64'), server };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster }] });
}

function row<T extends KubeObject>(
  resource: Resource<T>,
  object: Draft<T>,
  reconcile: DefaultObject['reconcile'],
): DefaultObject {
  return { resource, object, reconcile } as DefaultObject;
}
