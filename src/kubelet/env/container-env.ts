import type { ConfigMap, Container, EnvVar, FileKeySelector, Pod, Secret } from '../../api/generated/core-v1.ts';
import { hasReason } from '../../api/status-error.ts';
import { parseEnvFile } from './env-file.ts';
import { expand } from './expand.ts';
import { fieldValue, type PodFacts, resourceFieldValue } from './field-ref.ts';

/** Where ConfigMaps and Secrets of the Pod's namespace come from. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
}

export interface EnvInput {
  pod: Pod;
  container: Container;
  facts: PodFacts;
  references: References;
  services: Map<string, string>;
  /** Content of a file in one of the Pod's volumes; undefined if it is absent. */
  volumeFile(volume: string, path: string): string | undefined;
  /** Told of keys of an envFrom source that are no variable names. */
  invalidKeys(source: string, keys: string[]): void;
}

/**
 * The container's environment (kubelet_pods.go makeEnvironmentVariables): envFrom, then env in order, each value with
 * $(NAME) of what came before and of the Services; then the Services' own variables that nothing overrides.
 */
export async function containerEnv(input: EnvInput): Promise<Map<string, string>> {
  const env = new Map<string, string>();
  await addEnvFrom(input, env);
  for (const variable of input.container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, env, input.services)
      : variable.valueFrom
        ? await resolve(input, variable)
        : '';
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of input.services) if (!env.has(name)) env.set(name, value);
  return env;
}

async function addEnvFrom({ pod, container, references, invalidKeys }: EnvInput, env: Map<string, string>) {
  const namespace = pod.metadata.namespace ?? '';
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const { name = '', optional } = configMapRef ?? secretRef ?? {};
    const data = await unlessAbsent(optional, async () =>
      configMapRef
        ? (await references.configMap(namespace, name)).data
        : decoded((await references.secret(namespace, name)).data),
    );
    const bad: string[] = [];
    for (const [key, value] of Object.entries(data ?? {})) {
      // Kubernetes 1.34 accepts every printable ASCII character but '=' (RelaxedEnvironmentVariableValidation).
      if (/^[\x20-\x3c\x3e-\x7e]+$/.test(prefix + key)) env.set(prefix + key, value);
      else bad.push(prefix + key);
    }
    if (bad.length) invalidKeys(`${configMapRef ? 'configMap' : 'secret'} ${namespace}/${name}`, bad.sort());
  }
}

/** The value, or undefined for an absent optional source. */
async function resolve(input: EnvInput, variable: EnvVar): Promise<string | undefined> {
  const { pod, container, facts, references } = input;
  const namespace = pod.metadata.namespace ?? '';
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom ?? {};
  if (fileKeyRef) return fromFile(input, fileKeyRef);
  if (fieldRef) return fieldValue(pod, fieldRef.fieldPath, facts);
  if (resourceFieldRef) {
    const other = resourceFieldRef.containerName;
    const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
    const source = other ? all.find(({ name }) => name === other) : container;
    if (!source) throw new Error(`container ${other} not found`);
    return resourceFieldValue(source, resourceFieldRef, facts);
  }
  const reference = configMapKeyRef ?? secretKeyRef;
  if (!reference) return '';
  const name = reference.name ?? '';
  return unlessAbsent(reference.optional, async () => {
    const data = configMapKeyRef
      ? (await references.configMap(namespace, name)).data
      : decoded((await references.secret(namespace, name)).data);
    const value = data?.[reference.key];
    if (value === undefined && !reference.optional) {
      throw new Error(
        `couldn't find key ${reference.key} in ${configMapKeyRef ? 'ConfigMap' : 'Secret'} ${namespace}/${name}`,
      );
    }
    return value;
  });
}

/** A variable that another container has written (KEP-3721). */
function fromFile({ volumeFile }: EnvInput, { volumeName, path, key, optional }: FileKeySelector): string | undefined {
  const text = volumeFile(volumeName, path);
  if (text === undefined && !optional)
    throw new Error(`environment variable file ${path} not found in volume ${volumeName}`);
  const value = parseEnvFile(text ?? '').get(key);
  if (value === undefined && !optional)
    throw new Error(`environment variable key ${key} not found in file ${path} of volume ${volumeName}`);
  return value;
}

async function unlessAbsent<T>(optional: boolean | undefined, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (optional && hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function decoded(data: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}
