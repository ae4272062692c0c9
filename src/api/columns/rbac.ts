import type { ClusterRoleBinding, RoleBinding, Subject } from '../generated/rbac-v1.ts';
import { age, ageOf, type Columns, type ColumnsEntry, column, entry, name, wide } from './column.ts';

const bindingColumns: Columns<RoleBinding | ClusterRoleBinding> = {
  definitions: [
    name,
    column('Role', 'Role that is granted.'),
    age,
    wide('Users', 'Users who get the role.'),
    wide('Groups', 'Groups that get the role.'),
    wide('ServiceAccounts', 'Service accounts that get the role.'),
  ],
  cells: (object, now) => [
    object.metadata.name,
    `${object.roleRef?.kind}/${object.roleRef?.name}`,
    ageOf(object, now),
    subjects(object, 'User', (subject) => subject.name),
    subjects(object, 'Group', (subject) => subject.name),
    subjects(object, 'ServiceAccount', (subject) => `${subject.namespace}/${subject.name}`),
  ],
};

export const rbacColumns: ColumnsEntry[] = [
  entry('rbac/v1.RoleBinding', bindingColumns),
  entry('rbac/v1.ClusterRoleBinding', bindingColumns),
];

function subjects(binding: RoleBinding | ClusterRoleBinding, kind: string, text: (subject: Subject) => string): string {
  const found = (binding.subjects ?? []).filter((subject) => subject.kind === kind);
  return found.map(text).join(', ');
}
