import { isMap } from '../../api/structural/json-schema.ts';

/** How tokens of one issuer are believed (apiserver.config.k8s.io/v1 JWTAuthenticator, KEP-3331). */
export interface JwtConfig {
  issuer: {
    url: string;
    discoveryURL?: string;
    /** PEM. */
    certificateAuthority?: string;
    audiences: string[];
    audienceMatchPolicy?: 'MatchAny';
  };
  claimValidationRules?: { claim?: string; requiredValue?: string; expression?: string; message?: string }[];
  claimMappings: {
    username: PrefixedClaim;
    groups?: PrefixedClaim;
    uid?: { claim?: string; expression?: string };
    extra?: { key: string; valueExpression: string }[];
  };
  userValidationRules?: { expression: string; message?: string }[];
  /** Not in the file: --oidc-signing-algs. @default RS256 and its like */
  signingAlgorithms?: string[];
}

interface PrefixedClaim {
  claim?: string;
  prefix?: string;
  expression?: string;
}

export interface AnonymousConfig {
  enabled: boolean;
  /** Only requests for these paths are anonymous; all when absent. */
  conditions?: { path: string }[];
}

export interface AuthenticationConfiguration {
  jwt: JwtConfig[];
  anonymous?: AnonymousConfig;
}

const versions = ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1'];

/** What a file for --authentication-config holds; throws an Error that says what is wrong (apiserver pkg/apis/apiserver/validation). */
export function parseAuthenticationConfiguration(value: unknown): AuthenticationConfiguration {
  if (!isMap(value) || value.kind !== 'AuthenticationConfiguration' || !versions.includes(String(value.apiVersion)))
    throw new Error(`must be an AuthenticationConfiguration of ${versions.join(' or ')}`);
  const { jwt = [], anonymous } = value as { jwt?: unknown; anonymous?: AnonymousConfig };
  if (!Array.isArray(jwt)) throw new Error('jwt: must be a list');
  for (const [i, one] of jwt.entries()) checkJwt(one as Partial<JwtConfig>, `jwt[${i}]`);
  const urls = (jwt as JwtConfig[]).map(({ issuer }) => issuer.url);
  const twice = urls.find((url, i) => urls.indexOf(url) < i);
  if (twice) throw new Error(`jwt[${urls.lastIndexOf(twice)}].issuer.url: Duplicate value: ${JSON.stringify(twice)}`);
  return { jwt: jwt as JwtConfig[], ...(anonymous ? { anonymous } : {}) };
}

function checkJwt({ issuer, claimMappings, claimValidationRules = [] }: Partial<JwtConfig>, path: string): void {
  checkIssuerUrl(issuer?.url, `${path}.issuer.url`);
  if (issuer?.discoveryURL) checkIssuerUrl(issuer.discoveryURL, `${path}.issuer.discoveryURL`);
  if (!issuer?.audiences?.length)
    throw new Error(`${path}.issuer.audiences: Required value: at least one audience is required`);
  if (issuer.audiences.length > 1 && issuer.audienceMatchPolicy !== 'MatchAny')
    throw new Error(`${path}.issuer.audienceMatchPolicy: Invalid value: must be MatchAny for multiple audiences`);
  const { username, groups, uid } = claimMappings ?? {};
  if (!username || !(username.claim || username.expression))
    throw new Error(`${path}.claimMappings.username: Required value: claim or expression is required`);
  for (const [name, mapping] of Object.entries({ username, groups, uid })) {
    if (!mapping) continue;
    const own = `${path}.claimMappings.${name}`;
    if (mapping.claim && mapping.expression)
      throw new Error(`${own}: Invalid value: "": claim and expression can't both be set`);
    const { prefix } = mapping as PrefixedClaim;
    if (mapping.expression && prefix !== undefined)
      throw new Error(
        `${own}.prefix: Invalid value: ${JSON.stringify(prefix)}: prefix can't be set when expression is set`,
      );
    if (name !== 'uid' && mapping.claim && prefix === undefined)
      throw new Error(
        `${own}.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing`,
      );
  }
  for (const [i, rule] of claimValidationRules.entries())
    if (!rule.claim === !rule.expression)
      throw new Error(`${path}.claimValidationRules[${i}]: Required value: claim or expression is required`);
}

function checkIssuerUrl(url: string | undefined, path: string): void {
  if (!url) throw new Error(`${path}: Required value: URL is required`);
  const invalid = (why: string) => new Error(`${path}: Invalid value: ${JSON.stringify(url)}: ${why}`);
  if (!URL.canParse(url)) throw invalid('must be a URL');
  const { protocol, username, search, hash } = new URL(url);
  if (protocol !== 'https:') throw invalid('URL scheme must be https');
  if (username) throw invalid('URL must not contain a username or password');
  if (search) throw invalid('URL must not contain a query');
  if (hash) throw invalid('URL must not contain a fragment');
}

/** What the flags --oidc-* say. */
export interface OidcFlags {
  issuerUrl: string;
  clientId: string;
  caPem?: string | undefined;
  usernameClaim?: string | undefined;
  usernamePrefix?: string | undefined;
  groupsClaim?: string | undefined;
  groupsPrefix?: string | undefined;
  requiredClaims: Record<string, string>;
  signingAlgorithms?: string[] | undefined;
}

/** The same in the form of a file (kube-apiserver pkg/kubeapiserver/options/authentication.go ToAuthenticationConfig). */
export function jwtConfigOf(flags: OidcFlags): JwtConfig {
  const { issuerUrl, clientId, usernameClaim = 'sub', usernamePrefix, groupsClaim, groupsPrefix = '' } = flags;
  // Names of different issuers must not meet; an address of mail is unique by itself.
  const prefix = usernamePrefix === '-' ? '' : (usernamePrefix ?? (usernameClaim === 'email' ? '' : `${issuerUrl}#`));
  const config: JwtConfig = {
    issuer: {
      url: issuerUrl,
      audiences: [clientId],
      ...(flags.caPem ? { certificateAuthority: flags.caPem } : {}),
    },
    claimMappings: {
      username: { claim: usernameClaim, prefix },
      ...(groupsClaim ? { groups: { claim: groupsClaim, prefix: groupsPrefix } } : {}),
    },
    claimValidationRules: Object.entries(flags.requiredClaims).map(([claim, requiredValue]) => ({
      claim,
      requiredValue,
    })),
    ...(flags.signingAlgorithms ? { signingAlgorithms: flags.signingAlgorithms } : {}),
  };
  checkJwt(config, '--oidc');
  return config;
}
