import fs from 'node:fs';
import path from 'node:path';
import type { ResourceInfo } from './api/resource.ts';
import type { ApiServerFlags } from './api-server-flags.ts';
import type { AuditBackend } from './apiserver/audit/backend.ts';
import type { AnonymousConfig, JwtConfig } from './apiserver/authentication/jwt-config.ts';
import type { TokenAuthenticator } from './apiserver/authentication/token-authenticator.ts';
import type { Audit } from './apiserver/filters/audit.ts';
import type { StandardOptions } from './apiserver/standard-plugins.ts';
import type { Clock } from './base/clock.ts';
import { UserError } from './base/errors.ts';
import { goDurationMs } from './base/go-duration.ts';
import type { Logger } from './base/log.ts';
import type { ClusterPaths } from './paths.ts';
import type { Profiles } from './scheduler/profiles.ts';

interface Options extends Pick<StandardOptions, 'audit' | 'tokenAuthenticators' | 'anonymous'> {
  compactionIntervalMs?: number;
  isServed?: (info: ResourceInfo) => boolean;
  /** The scheduler's. */
  profiles?: Profiles | undefined;
}

interface Context {
  paths: ClusterPaths;
  clock: Clock;
  log: Logger;
}

/** What kube-apiserver's flags ask of the API server. What few use is loaded when they do. */
export async function apiServerOptions(flags: ApiServerFlags, context: Context): Promise<Options> {
  if (Object.keys(flags).length === 0) return {};
  const read = new Flags(flags);
  const configuration = await readConfiguration(read);
  const jwt = configuration?.jwt ?? (await oidcConfig(read));
  const others = await tokenAuthenticators(read, jwt, context);
  const audit = await auditOf(read, context);
  return {
    ...(audit ? { audit } : {}),
    ...(others ? { tokenAuthenticators: others } : {}),
    anonymous: configuration?.anonymous ?? read.anonymous(),
    ...(await servedApis(read)),
    profiles: await schedulerProfiles(read),
    compactionIntervalMs: read.duration('etcd-compaction-interval', '5m0s'),
  };
}

/** Typed access to flags; errors name the flag and its value. */
class Flags {
  readonly #flags: ApiServerFlags;

  constructor(flags: ApiServerFlags) {
    this.#flags = flags;
  }

  text(name: string): string | undefined {
    return this.#flags[name]?.at(-1);
  }

  list(name: string): string[] {
    return this.#flags[name] ?? [];
  }

  number(name: string, fallback: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if (!/^\d+$/.test(value)) throw this.error(name, 'must be a number');
    return Number(value);
  }

  duration(name: string, fallback: string): number {
    try {
      return goDurationMs(this.text(name) ?? fallback);
    } catch (error) {
      throw this.error(name, 'must be a duration such as 2m0s', error);
    }
  }

  file(name: string): string | undefined {
    const file = this.text(name);
    if (file === undefined) return undefined;
    try {
      return fs.readFileSync(file, 'utf8');
    } catch (error) {
      throw this.error(name, 'cannot be read', error);
    }
  }

  /** A file of YAML, read by `parse`. */
  async yaml<T>(name: string, parse: (value: unknown) => T): Promise<T | undefined> {
    const text = this.file(name);
    if (text === undefined) return undefined;
    try {
      const yaml = await import('yaml');
      return parse(yaml.parse(text));
    } catch (error) {
      throw this.error(name, (error as Error).message, error);
    }
  }

  anonymous(): AnonymousConfig | undefined {
    const enabled = this.boolean('anonymous-auth');
    return enabled === undefined ? undefined : { enabled };
  }

  boolean(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (value !== 'true' && value !== 'false') throw this.error(name, 'must be true or false');
    return value === 'true';
  }

  error(name: string, why: string, cause?: unknown): UserError {
    const hint = `vitrine up --${name} '' does without it`;
    return new UserError(`--${name} "${this.text(name) ?? ''}": ${why}`, { cause, hint });
  }
}

async function schedulerProfiles(flags: Flags): Promise<Profiles | undefined> {
  if (!flags.text('scheduler-config')) return undefined;
  const { parseSchedulerConfiguration } = await import('./scheduler/profiles.ts');
  return flags.yaml('scheduler-config', parseSchedulerConfiguration);
}

async function servedApis(flags: Flags): Promise<Pick<Options, 'isServed'>> {
  const text = flags.text('runtime-config');
  if (text === undefined) return {};
  const { parseRuntimeConfig } = await import('./apiserver/runtime-config.ts');
  try {
    return { isServed: parseRuntimeConfig(text) };
  } catch (error) {
    throw flags.error('runtime-config', (error as Error).message, error);
  }
}

async function readConfiguration(flags: Flags) {
  const { parseAuthenticationConfiguration } = await import('./apiserver/authentication/jwt-config.ts');
  const configuration = await flags.yaml('authentication-config', parseAuthenticationConfiguration);
  if (configuration && flags.text('oidc-issuer-url'))
    throw flags.error('authentication-config', 'cannot be used together with the --oidc flags');
  return configuration;
}

async function oidcConfig(flags: Flags): Promise<JwtConfig[]> {
  const issuerUrl = flags.text('oidc-issuer-url');
  const clientId = flags.text('oidc-client-id');
  if (!issuerUrl !== !clientId)
    throw flags.error(
      issuerUrl ? 'oidc-issuer-url' : 'oidc-client-id',
      'oidc-issuer-url and oidc-client-id must be specified together',
    );
  if (!issuerUrl || !clientId) return [];
  const { jwtConfigOf } = await import('./apiserver/authentication/jwt-config.ts');
  const requiredClaims = Object.fromEntries(
    flags.list('oidc-required-claim').map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw flags.error('oidc-required-claim', 'must be NAME=VALUE');
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
  try {
    return [
      jwtConfigOf({
        issuerUrl,
        clientId,
        caPem: flags.file('oidc-ca-file'),
        usernameClaim: flags.text('oidc-username-claim'),
        usernamePrefix: flags.text('oidc-username-prefix'),
        groupsClaim: flags.text('oidc-groups-claim'),
        groupsPrefix: flags.text('oidc-groups-prefix'),
        requiredClaims,
        signingAlgorithms: flags.text('oidc-signing-algs')?.split(','),
      }),
    ];
  } catch (error) {
    throw flags.error('oidc-issuer-url', (error as Error).message, error);
  }
}

/** The server that a webhook's kubeconfig names, and as whom it is asked. */
async function webhookAccess(file: string) {
  const { loadKubeconfig } = await import('./client/kubeconfig.ts');
  return loadKubeconfig(file);
}

async function tokenAuthenticators(
  flags: Flags,
  jwt: readonly JwtConfig[],
  { clock }: Context,
): Promise<StandardOptions['tokenAuthenticators']> {
  const file = flags.text('authentication-token-webhook-config-file');
  if (jwt.length === 0 && !file) return undefined;
  const oidc: TokenAuthenticator[] =
    jwt.length > 0 ? [(await import('./apiserver/authentication/oidc.ts')).oidcAuthenticator(jwt, clock)] : [];
  if (!file) return () => oidc;
  const access = await webhookAccess(file);
  const { webhookTokenAuthenticator } = await import('./apiserver/authentication/webhook-tokens.ts');
  const cacheTtlMs = flags.duration('authentication-token-webhook-cache-ttl', '2m0s');
  const version = flags.text('authentication-token-webhook-version') ?? 'v1beta1';
  return (audiences) => [...oidc, webhookTokenAuthenticator({ ...access, version, cacheTtlMs, audiences }, clock)];
}

async function auditOf(flags: Flags, context: Context): Promise<Audit | undefined> {
  const { parsePolicy } = await import('./apiserver/audit/policy.ts');
  const policy = await flags.yaml('audit-policy-file', parsePolicy);
  if (!policy) return undefined;
  const { allBackends } = await import('./apiserver/audit/backend.ts');
  const webhook = await auditWebhookOf(flags, context);
  const file = webhook && !flags.text('audit-log-path') ? undefined : await auditLogOf(flags, context);
  return { policy, backend: allBackends([file, webhook].filter((one) => one !== undefined)), clock: context.clock };
}

async function auditWebhookOf(flags: Flags, { clock, log }: Context): Promise<AuditBackend | undefined> {
  const file = flags.text('audit-webhook-config-file');
  if (!file) return undefined;
  const { exchangeJson } = await import('./apiserver/authentication/exchange-json.ts');
  const { auditWebhook } = await import('./apiserver/audit/webhook-backend.ts');
  const { server, token, ca, cert, key } = await webhookAccess(file);
  const prefix = 'audit-webhook-batch';
  return auditWebhook(
    {
      send: (body) => exchangeJson(server, { ca, cert, key, token, body, timeoutMs: 30_000, answer: 'any' }),
      bufferSize: flags.number(`${prefix}-buffer-size`, 10_000),
      maxBatchSize: flags.number(`${prefix}-max-size`, 400),
      maxBatchWaitMs: flags.duration(`${prefix}-max-wait`, '30s'),
      throttle:
        flags.boolean(`${prefix}-throttle-enable`) === false
          ? undefined
          : { qps: flags.number(`${prefix}-throttle-qps`, 10), burst: flags.number(`${prefix}-throttle-burst`, 15) },
      initialBackoffMs: flags.duration('audit-webhook-initial-backoff', '10s'),
    },
    { clock, log: log.child('audit') },
  );
}

async function auditLogOf(flags: Flags, { paths, clock, log }: Context): Promise<AuditBackend> {
  const { openAuditLog } = await import('./apiserver/audit/log-backend.ts');
  return openAuditLog(
    {
      path: flags.text('audit-log-path') ?? path.join(paths.logs, 'audit.log'),
      maxSizeMiB: flags.number('audit-log-maxsize', 100),
      maxBackups: flags.number('audit-log-maxbackup', 0),
      maxAgeDays: flags.number('audit-log-maxage', 0),
    },
    { clock, log: log.child('audit') },
  );
}
