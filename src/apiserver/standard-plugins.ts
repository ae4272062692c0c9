import type { SelfSubjectReview, TokenRequest, TokenReview } from '../api/generated/authentication-v1.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../api/generated/authorization-v1.ts';
import { kubernetesVersion } from '../api/generated/kubernetes-version.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { MetricSources } from '../base/metrics.ts';
import type { Actions } from './actions.ts';
import { builtinAdmission } from './admission/all.ts';
import { aggregationPaths } from './aggregation/aggregation-paths.ts';
import { ApiServices } from './aggregation/api-services.ts';
import type { FrontProxy } from './aggregation/backend-connection.ts';
import { mergedResources } from './aggregation/merged-resources.ts';
import { createAuthenticator, userOfOthers } from './authentication/authenticators.ts';
import type { AnonymousConfig } from './authentication/jwt-config.ts';
import { openIdHandlers } from './authentication/openid.ts';
import { reviewSelf, reviewToken, type TokenReviewContext } from './authentication/reviews.ts';
import { ServiceAccountTokens } from './authentication/service-account-tokens.ts';
import type { TokenAuthenticator } from './authentication/token-authenticator.ts';
import { issueToken } from './authentication/token-request.ts';
import { reviewAccess, reviewLocalAccess, reviewOwnAccess, reviewOwnRules } from './authorization/access-reviews.ts';
import { type ClusterAuthorizer, createAuthorizer } from './authorization/authorizers.ts';
import { nodeRules } from './bootstrap/rbac-defaults.ts';
import type { ComponentChecks } from './component-statuses.ts';
import { discoveryPaths } from './discovery/discovery-paths.ts';
import type { Audit } from './filters/audit.ts';
import { FlowControl } from './flow-control/flow-control.ts';
import { FlowControlObjects } from './flow-control/keep-objects.ts';
import { metricsGroup, metricsVersion } from './metrics-api/metrics-objects.ts';
import { metricsPaths, metricsResources } from './metrics-api/metrics-paths.ts';
import { ResourceMetrics } from './metrics-api/resource-metrics.ts';
import { openApiPaths } from './openapi/openapi-paths.ts';
import { mutatingPolicies } from './policies/mutating-policies.ts';
import { validatingPolicies } from './policies/validating-policies.ts';
import type { PathHandler } from './router.ts';
import type { ApiServerCore, ApiServerPlugins } from './server.ts';
import { mutatingWebhooks, validatingWebhooks } from './webhooks/admission-webhooks.ts';

/** As whom the server changes what is its own. */
const itself = { name: 'system:apiserver', groups: ['system:masters'] };

export interface StandardOptions {
  clock: Clock;
  log: Logger;
  /** PEM of the key that signs service account tokens. */
  serviceAccountKey: string;
  /** The certificate with which extension servers know us. */
  frontProxy?: FrontProxy;
  /** 'address:port' that discovery tells clients. */
  serverAddress: string;
  /** More figures for /metrics. */
  metrics?: MetricSources;
  /** How the control plane's parts are; more may come. */
  components?: ComponentChecks;
  /** Where requests are told of; nowhere when absent. */
  audit?: Audit | undefined;
  /** Others who know bearer tokens, for a server with these audiences. */
  tokenAuthenticators?: (audiences: string[]) => readonly TokenAuthenticator[];
  /** Who may come without credentials. @default everybody, as system:anonymous */
  anonymous?: AnonymousConfig | undefined;
}

/** The authenticators, authorizers, admission plugins and paths of a Kubernetes cluster as it comes. */
export function standardPlugins(options: StandardOptions): (core: ApiServerCore) => ApiServerPlugins {
  return ({ reader, resources, webhooks, kubelet, transport }) => {
    const { clock, log, serviceAccountKey, serverAddress, frontProxy } = options;
    const services = new ApiServices({
      reader,
      frontProxy,
      transport: transport(itself),
      served: () => resources.all(),
      clock,
      log: log.child('aggregation'),
    });
    const flowObjects = new FlowControlObjects({
      reader,
      transport: transport(itself),
      clock,
      log: log.child('flow-control'),
    });
    const metrics = new ResourceMetrics({ reader, kubelet, clock, log: log.child('metrics') });
    /** An extension server for metrics.k8s.io, such as metrics-server, takes the place of our own figures. */
    const ownMetrics = () => (services.find(metricsGroup, metricsVersion) ? [] : metricsResources);
    const tokens = new ServiceAccountTokens({ reader, clock, keyPem: serviceAccountKey });
    const authenticationLog = log.child('authentication');
    const others = options.tokenAuthenticators?.([tokens.issuer]) ?? [];
    const authorizer = createAuthorizer({ reader, nodeRules });
    const admission = builtinAdmission({ reader, authorizer, clock });
    const context = { reader, resources, webhooks, authorizer, log: log.child('admission') };
    return {
      authenticators: [
        createAuthenticator({ reader, tokens, clock, log: authenticationLog, others, anonymous: options.anonymous }),
      ],
      authorizers: [authorizer],
      audit: options.audit,
      admission: [
        ...admission.beforeWebhooks,
        mutatingPolicies(context),
        mutatingWebhooks(context),
        validatingPolicies(context),
        validatingWebhooks(context),
        ...admission.afterWebhooks,
      ],
      flowControl: new FlowControl({ reader, clock }),
      moreMetrics: () => [services.metrics(), ...[...(options.metrics ?? [])].flatMap((source) => source())],
      started: () => {
        services.start();
        flowObjects.start();
      },
      stopped: () => {
        services.stop();
        flowObjects.stop();
        metrics.stop();
      },
      ...(options.components ? { components: options.components } : {}),
      ended: () => options.audit?.backend.close(),
      actions: actionsOf(
        { reader, clock, tokens, others: (token) => userOfOthers(token, others, authenticationLog) },
        authorizer,
      ),
      paths: [
        openIdPaths(tokens),
        discoveryPaths({
          served: mergedResources(
            () => resources.all(),
            () => services.resources(),
            ownMetrics,
          ),
          extensions: () => services.versions(),
          serverAddress,
        }),
        openApiPaths({
          served: mergedResources(() => resources.all(), ownMetrics),
          version: `v${kubernetesVersion}`,
          extensions: () => services.openApi(),
        }),
        aggregationPaths({ services, reader, frontProxy }),
        metricsPaths({ metrics, reader, clock }),
      ],
    };
  };
}

function actionsOf(context: TokenReviewContext, authorizer: ClusterAuthorizer): Actions {
  const { reader, clock, tokens } = context;
  return {
    'serviceaccounts/token': (object, at) => issueToken(object as TokenRequest, at, { reader, tokens }),
    'tokenreviews.authentication.k8s.io': (object) => reviewToken(object as TokenReview, context),
    'selfsubjectreviews.authentication.k8s.io': (object, { user }) =>
      reviewSelf(object as SelfSubjectReview, user, clock),
    'subjectaccessreviews.authorization.k8s.io': (object) => reviewAccess(object as SubjectAccessReview, authorizer),
    'localsubjectaccessreviews.authorization.k8s.io': (object, { namespace }) =>
      reviewLocalAccess(object as LocalSubjectAccessReview, namespace, authorizer),
    'selfsubjectaccessreviews.authorization.k8s.io': (object, { user }) =>
      reviewOwnAccess(object as SelfSubjectAccessReview, user, authorizer),
    'selfsubjectrulesreviews.authorization.k8s.io': (object, { user }) =>
      reviewOwnRules(object as SelfSubjectRulesReview, user, authorizer),
  };
}

function openIdPaths(tokens: ServiceAccountTokens): PathHandler {
  const handlers = openIdHandlers(tokens);
  return async (request) => (Object.hasOwn(handlers, request.path) ? handlers[request.path]!(request) : undefined);
}
