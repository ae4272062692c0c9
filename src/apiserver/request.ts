import type { KubeObject } from '../api/object.ts';
import type { Resource, ResourceInfo } from '../api/resource.ts';

/** Who asks (k8s.io/apiserver pkg/authentication/user). */
export interface UserInfo {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** What is asked, read off method and path (k8s.io/apiserver pkg/endpoints/request/requestinfo.go). */
export interface RequestInfo {
  isResourceRequest: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; the lower-case method for non-resource paths. */
  verb: string;
  path: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Of a list or watch, as it was asked. */
  fieldSelector?: string;
}

export interface PeerCertificate {
  commonName: string;
  organizations: string[];
  /** Its CA is that of proxies: not the peer asks, but whom its X-Remote-* headers name. */
  frontProxy?: boolean;
}

/** One request on its way through the chain; carried by HTTP/2, HTTP/1.1 or a call within the process. */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Lower-case names. */
  headers: Record<string, string | undefined>;
  /** The whole body; rejects with 413 RequestEntityTooLarge over 3 MiB. */
  body(): Promise<Uint8Array>;
  /** The peer's verified client certificate, if it sent one. */
  certificate: PeerCertificate | undefined;
  remoteAddress: string;
  /** Set by authentication. */
  user: UserInfo;
  info: RequestInfo;
}

/** The answer: bytes at once, or written bit by bit (watch, logs). */
export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array | Uint8Array[] | AsyncIterable<Uint8Array>;
  /** Of a list in plain JSON: the bytes of each item, in `body` between a head and an end. */
  items?: readonly Uint8Array[];
}

export type Handler = (request: ApiRequest) => Promise<ApiResponse>;

/** Returns the user, undefined when this authenticator has no say, or throws unauthorized() when a credential is bad. */
export interface Authenticator {
  authenticate(request: Omit<ApiRequest, 'user'>): Promise<UserInfo | undefined>;
}

export interface Authorizer {
  /** `allowed: false` with a reason is a no opinion: the next authorizer is asked. */
  authorize(user: UserInfo, request: RequestInfo): Promise<{ allowed: boolean; reason: string }>;
}

/** Reads current objects from memory (the watch cache). The objects are shared: never modify them. */
export interface ObjectReader {
  get<T extends KubeObject>(resource: Resource<T>, namespace: string, name: string): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): T[];
  /** A number that differs after every change of the resource: what is computed from its objects holds until then. */
  changes?(resource: ResourceInfo): number;
}

/** What admission sees (k8s.io/apiserver pkg/admission Attributes). */
export interface AdmissionAttributes {
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  resource: ResourceInfo;
  subresource: string;
  namespace: string;
  name: string;
  /** The object to be stored: mutating plugins change it in place. undefined on DELETE. */
  object: KubeObject | undefined;
  oldObject: KubeObject | undefined;
  /** DeleteOptions, CreateOptions, … as sent. */
  options: unknown;
  dryRun: boolean;
  user: UserInfo;
  /** Who asks others on the request's behalf stops when it is over. */
  cancellation: { readonly signal: AbortSignal; throwIfAborted(): void };
  /** Adds a Warning header to the answer. */
  warn(message: string): void;
  /** Adds an annotation to the audit event of the request. */
  annotate(key: string, value: string): void;
}

export interface AdmissionPlugin {
  name: string;
  /** Whether the plugin wants to see this request at all. */
  handles(attributes: AdmissionAttributes): boolean;
  /** May change attributes.object; throws a StatusError to refuse. */
  admit?(attributes: AdmissionAttributes): Promise<void>;
  /**
   * Set if webhooks or policies decide what `admit` changes: when they do, all plugins see the object again, and this one
   * here instead of there.
   */
  readmit?(attributes: AdmissionAttributes): Promise<void>;
  validate?(attributes: AdmissionAttributes): Promise<void>;
}
