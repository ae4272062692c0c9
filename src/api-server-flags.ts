/** kube-apiserver's flags that are taken, by name. */
export interface ApiServerFlag {
  help: string;
  /** Its value is a path. */
  file?: boolean;
  /** It may be given several times. */
  many?: boolean;
}

/** Values by the name of their flag. */
export type ApiServerFlags = Record<string, string[]>;

export const apiServerFlags: Record<string, ApiServerFlag> = {
  'audit-policy-file': { file: true, help: 'a Policy of audit.k8s.io/v1: which requests are told of, and how much' },
  'audit-log-path': {
    file: true,
    help: "where to, as lines of JSON (audit.log beside the cluster's logs; -: standard output)",
  },
  'audit-log-maxsize': { help: 'size in MiB at which it is rotated (100)' },
  'audit-log-maxbackup': { help: 'most old files that are kept (all)' },
  'audit-log-maxage': { help: 'most days that old files are kept (all)' },
  'audit-webhook-config-file': {
    file: true,
    help: 'kubeconfig of who is sent the events (then only with --audit-log-path to a file, too)',
  },
  'audit-webhook-initial-backoff': { help: 'before a list of events is sent again (10s)' },
  'audit-webhook-batch-buffer-size': { help: 'most events that wait to be sent (10000)' },
  'audit-webhook-batch-max-size': { help: 'most events in one list (400)' },
  'audit-webhook-batch-max-wait': { help: 'after which a list is sent that is not full (30s)' },
  'audit-webhook-batch-throttle-enable': { help: 'whether lists are held back (true)' },
  'audit-webhook-batch-throttle-qps': { help: 'most lists a second (10)' },
  'audit-webhook-batch-throttle-burst': { help: 'most lists at once (15)' },
  'oidc-issuer-url': { help: 'an OpenID issuer whose tokens are believed: https://…' },
  'oidc-client-id': { help: 'the audience that its tokens must have' },
  'oidc-username-claim': { help: 'the claim with the name of the user (sub)' },
  'oidc-username-prefix': { help: "put before it (the issuer's URL and #, but not before email; -: nothing)" },
  'oidc-groups-claim': { help: 'the claim with the groups' },
  'oidc-groups-prefix': { help: 'put before them' },
  'oidc-required-claim': { many: true, help: 'NAME=VALUE that its tokens must have; may be repeated' },
  'oidc-signing-algs': { help: 'how they may be signed, with commas between (RS256)' },
  'oidc-ca-file': { file: true, help: "PEM of who signed the issuer's certificate" },
  'authentication-config': {
    file: true,
    help: 'an AuthenticationConfiguration: several issuers, CEL, who is anonymous',
  },
  'authentication-token-webhook-config-file': {
    file: true,
    help: 'kubeconfig of who is asked whom a token belongs to',
  },
  'authentication-token-webhook-version': { help: 'of authentication.k8s.io in which it is asked (v1beta1)' },
  'authentication-token-webhook-cache-ttl': { help: 'how long its answers hold (2m0s)' },
  'etcd-compaction-interval': { help: 'after which the history of objects is forgotten (5m0s; 0: never)' },
  'runtime-config': {
    help: 'APIs that are served or not: certificates.k8s.io/v1beta1=true for trust bundles and certificates of Pods',
  },
  'scheduler-config': {
    file: true,
    help: 'a KubeSchedulerConfiguration: profiles with their plugins and weights (no extenders)',
  },
  'anonymous-auth': { help: 'serve requests without credentials as system:anonymous (true)' },
};

/** Those that are kept with those that are given now: a new value replaces the old, an empty one removes it. */
export function withFlags(kept: ApiServerFlags = {}, given: ApiServerFlags = {}): ApiServerFlags {
  const all = Object.entries({ ...kept, ...given });
  return Object.fromEntries(all.filter(([, values]) => values.some((value) => value !== '')));
}
