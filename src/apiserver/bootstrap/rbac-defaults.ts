import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../api/generated/rbac-v1.ts';
import type { Draft } from '../../api/object.ts';
import { groups } from '../authentication/groups.ts';
import { clusterRoleRules } from './cluster-role-rules.ts';
import { controllerRules } from './controller-role-rules.ts';
import { allow, read, recordEvents } from './policy-rules.ts';

const rbacGroup = 'rbac.authorization.k8s.io';
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';
const aggregateLabel = (to: string) => `${rbacGroup}/aggregate-to-${to}`;

function defaultMetadata(name: string, namespace?: string, labels: Record<string, string> = {}) {
  return {
    name,
    ...(namespace ? { namespace } : {}),
    annotations: { [autoUpdateAnnotation]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
  };
}

/** What a kubelet may do apart from what the node authorizer decides by itself. */
export const nodeRules: PolicyRule[] = clusterRoleRules['system:node']!;

const viewers = ['system:aggregate-to-view', 'system:aggregated-metrics-reader'];
/** admin includes edit, edit includes view; each gathers the rules of roles with its label. */
const aggregates: Record<string, { into?: string; parts: string[] }> = {
  admin: { parts: ['system:aggregate-to-admin', 'system:aggregate-to-edit', ...viewers] },
  edit: { into: 'admin', parts: ['system:aggregate-to-edit', ...viewers] },
  view: { into: 'edit', parts: viewers },
};
const aggregateParts: Record<string, string> = {
  'system:aggregate-to-admin': 'admin',
  'system:aggregate-to-edit': 'edit',
  'system:aggregate-to-view': 'view',
  'system:aggregated-metrics-reader': 'view',
};

export function defaultClusterRoles(): Draft<ClusterRole>[] {
  const plain = Object.entries(clusterRoleRules).map(([name, rules]) => {
    const target = aggregateParts[name];
    const labels = target ? { [aggregateLabel(target)]: 'true' } : {};
    return { metadata: defaultMetadata(name, undefined, labels), rules };
  });
  // Written with their rules, so that they work before the aggregation controller has run.
  const gathered = Object.entries(aggregates).map(([name, { into, parts }]) => ({
    metadata: defaultMetadata(name, undefined, into ? { [aggregateLabel(into)]: 'true' } : {}),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(name)]: 'true' } }] },
    rules: parts.flatMap((part) => clusterRoleRules[part] ?? []),
  }));
  const controllers = Object.entries(controllerRules).map(([name, rules]) => ({
    metadata: defaultMetadata(`system:controller:${name}`),
    rules,
  }));
  return [...plain, ...gathered, ...controllers];
}

const group = (name: string): Subject => ({ kind: 'Group', apiGroup: rbacGroup, name });
const user = (name: string): Subject => ({ kind: 'User', apiGroup: rbacGroup, name });
const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

const clusterBindings: Record<string, Subject[]> = {
  'cluster-admin': [group(groups.masters)],
  'system:monitoring': [group('system:monitoring')],
  'system:discovery': [group(groups.authenticated)],
  'system:basic-user': [group(groups.authenticated)],
  'system:public-info-viewer': [group(groups.authenticated), group(groups.unauthenticated)],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:kube-controller-manager': [user('system:kube-controller-manager')],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [user('system:kube-scheduler')],
  'system:volume-scheduler': [user('system:kube-scheduler')],
  // Without subjects: the node authorizer replaced this binding.
  'system:node': [],
  'system:service-account-issuer-discovery': [group(groups.serviceAccounts)],
  'vitrine:network-policy': [user('system:kube-proxy')],
};

export function defaultClusterRoleBindings(): Draft<ClusterRoleBinding>[] {
  const bind = (name: string, subjects: Subject[]) => ({
    metadata: defaultMetadata(name),
    ...(subjects.length > 0 ? { subjects } : {}),
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name },
  });
  return [
    ...Object.entries(clusterBindings).map(([name, subjects]) => bind(name, subjects)),
    ...Object.keys(controllerRules).map((name) => bind(`system:controller:${name}`, [account(name)])),
  ];
}

const leaderLocking = (component: string): PolicyRule[] => [
  allow('watch', 'core', 'configmaps'),
  allow('get update', 'core', 'configmaps', component),
];

/** Of namespaces: rules, and subjects when there is a binding of the same name (rbac/bootstrappolicy/namespace_policy.go). */
const namespaced: { namespace: string; name: string; rules: PolicyRule[]; subjects?: Subject[] }[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: [allow(read, 'core', 'configmaps', 'extension-apiserver-authentication')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: [allow(read, 'core', 'secrets')],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [allow(`create ${read}`, 'core', 'configmaps')],
    subjects: [account('cloud-provider')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [allow(`delete ${read}`, 'core', 'secrets'), recordEvents],
    subjects: [account('token-cleaner')],
  },
  ...['kube-controller-manager', 'kube-scheduler'].map((component) => ({
    namespace: 'kube-system',
    name: `system::leader-locking-${component}`,
    rules: leaderLocking(component),
    subjects: [user(`system:${component}`), account(component)],
  })),
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [allow(read, 'core', 'configmaps'), allow('update', 'core', 'configmaps', 'cluster-info'), recordEvents],
    subjects: [account('bootstrap-signer')],
  },
];

export function defaultRoles(): Draft<Role>[] {
  return namespaced.map(({ namespace, name, rules }) => ({ metadata: defaultMetadata(name, namespace), rules }));
}

export function defaultRoleBindings(): Draft<RoleBinding>[] {
  const bind = (namespace: string, name: string, subjects: Subject[], role = name) => ({
    metadata: defaultMetadata(name, namespace),
    subjects,
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name: role },
  });
  return [
    bind(
      'kube-system',
      'system::extension-apiserver-authentication-reader',
      [user('system:kube-controller-manager'), user('system:kube-scheduler')],
      'extension-apiserver-authentication-reader',
    ),
    ...namespaced.flatMap(({ namespace, name, subjects }) => (subjects ? [bind(namespace, name, subjects)] : [])),
  ];
}
