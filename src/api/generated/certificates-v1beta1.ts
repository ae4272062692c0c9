// Written by tools/generate-api.ts; do not edit.
import type { KubeObject } from '../object.ts';
import type { Condition, ListMeta } from './meta-v1.ts';

export interface ClusterTrustBundle extends KubeObject {
  spec: ClusterTrustBundleSpec;
}

export interface ClusterTrustBundleSpec {
  signerName?: string;
  trustBundle: string;
}

export interface ClusterTrustBundleList {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items: ClusterTrustBundle[];
}

export interface PodCertificateRequest extends KubeObject {
  spec: PodCertificateRequestSpec;
  status?: PodCertificateRequestStatus;
}

export interface PodCertificateRequestSpec {
  signerName: string;
  podName: string;
  podUID: string;
  serviceAccountName: string;
  serviceAccountUID: string;
  nodeName: string;
  nodeUID: string;
  maxExpirationSeconds?: number;
  pkixPublicKey?: string;
  proofOfPossession?: string;
  stubPKCS10Request: string;
  unverifiedUserAnnotations?: Record<string, string>;
}

export interface PodCertificateRequestStatus {
  conditions?: Condition[];
  certificateChain?: string;
  notBefore?: string;
  beginRefreshAt?: string;
  notAfter?: string;
}

export interface PodCertificateRequestList {
  kind?: string;
  apiVersion?: string;
  metadata?: ListMeta;
  items: PodCertificateRequest[];
}
