/** What discovery says of a resource beyond what the resource table knows (pkg/registry/…/storage: ShortNames, Categories). */
interface Names {
  short?: string[];
  categories?: string[];
  /** When it is not the kind in lower case. */
  singular?: string;
}

const all = ['all'];
const extensions = ['api-extensions'];

/** By plural and group. */
export const names: Record<string, Names> = {
  componentstatuses: { short: ['cs'] },
  configmaps: { short: ['cm'] },
  endpoints: { short: ['ep'] },
  events: { short: ['ev'] },
  limitranges: { short: ['limits'] },
  namespaces: { short: ['ns'] },
  nodes: { short: ['no'] },
  persistentvolumeclaims: { short: ['pvc'] },
  persistentvolumes: { short: ['pv'] },
  pods: { short: ['po'], categories: all },
  replicationcontrollers: { short: ['rc'], categories: all },
  resourcequotas: { short: ['quota'] },
  serviceaccounts: { short: ['sa'] },
  services: { short: ['svc'], categories: all },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': { categories: extensions },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': { categories: extensions },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': { categories: extensions },
  'validatingadmissionpolicies.admissionregistration.k8s.io': { categories: extensions },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': { categories: extensions },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': { categories: extensions },
  'customresourcedefinitions.apiextensions.k8s.io': { short: ['crd', 'crds'], categories: extensions },
  'apiservices.apiregistration.k8s.io': { categories: extensions },
  'daemonsets.apps': { short: ['ds'], categories: all },
  'deployments.apps': { short: ['deploy'], categories: all },
  'replicasets.apps': { short: ['rs'], categories: all },
  'statefulsets.apps': { short: ['sts'], categories: all },
  'horizontalpodautoscalers.autoscaling': { short: ['hpa'], categories: all },
  'cronjobs.batch': { short: ['cj'], categories: all },
  'jobs.batch': { categories: all },
  'certificatesigningrequests.certificates.k8s.io': { short: ['csr'] },
  'events.events.k8s.io': { short: ['ev'] },
  'ingresses.networking.k8s.io': { short: ['ing'] },
  'ipaddresses.networking.k8s.io': { short: ['ip'] },
  'networkpolicies.networking.k8s.io': { short: ['netpol'] },
  'poddisruptionbudgets.policy': { short: ['pdb'] },
  'priorityclasses.scheduling.k8s.io': { short: ['pc'] },
  'storageclasses.storage.k8s.io': { short: ['sc'] },
  'volumeattributesclasses.storage.k8s.io': { short: ['vac'] },
};

/** Groups in the order in which clients prefer them (pkg/controlplane/apiserver apiVersionPriorities). Others follow by name. */
export const groupOrder = [
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];
