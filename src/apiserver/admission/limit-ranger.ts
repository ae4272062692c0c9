import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { podResources, type ResourceList } from '../../api/pod-resources.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { builtin } from '../../api/resource.ts';
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../request.ts';
import { aggregate, isPod, isResource, refuse } from './refuse.ts';

const limitRanges = builtin<LimitRange>('', 'v1', 'limitranges');

/** Fills in and enforces the LimitRanges of the namespace (plugin/pkg/admission/limitranger). */
export function limitRanger(reader: ObjectReader): AdmissionPlugin {
  const limitsOf = ({ namespace }: AdmissionAttributes) =>
    reader.list(limitRanges, namespace).map((range) => range.spec?.limits ?? []);
  return {
    name: 'LimitRanger',
    handles: (attributes) => {
      const { operation } = attributes;
      if (attributes.oldObject?.metadata.deletionTimestamp) return false;
      if (isPod(attributes)) return operation === 'CREATE';
      return isResource(attributes, '', 'persistentvolumeclaims') && (operation === 'CREATE' || operation === 'UPDATE');
    },
    async admit(attributes) {
      if (!isPod(attributes)) return;
      for (const limits of limitsOf(attributes)) setDefaults(attributes.object as Pod, limits);
    },
    async validate(attributes) {
      for (const limits of limitsOf(attributes)) {
        const problems = isPod(attributes)
          ? limits.flatMap((limit) => podProblems(attributes.object as Pod, limit))
          : limits.flatMap((limit) => claimProblems(attributes.object as PersistentVolumeClaim, limit));
        if (problems.length > 0) throw refuse(attributes, aggregate(problems));
      }
    },
  };
}

function setDefaults(pod: Pod, limits: LimitRangeItem[]): void {
  const ofContainers = limits.filter((limit) => limit.type === 'Container');
  const requests = Object.assign({}, ...ofContainers.map((limit) => limit.defaultRequest)) as ResourceList;
  const maxima = Object.assign({}, ...ofContainers.map((limit) => limit.default)) as ResourceList;
  const notes: string[] = [];
  const fill = (container: Container, title: string) => {
    const missing = (have: ResourceList | undefined, from: ResourceList) =>
      Object.keys(from).filter((name) => have?.[name] === undefined);
    const pick = (names: string[], from: ResourceList) => Object.fromEntries(names.map((name) => [name, from[name]!]));
    const setRequests = missing(container.resources?.requests, requests).sort();
    const setLimits = missing(container.resources?.limits, maxima).sort();
    if (setRequests.length > 0) {
      container.resources = {
        ...container.resources,
        requests: { ...container.resources?.requests, ...pick(setRequests, requests) },
      };
      notes.push(`${setRequests.join(', ')} request for ${title} ${container.name}`);
    }
    if (setLimits.length > 0) {
      container.resources = {
        ...container.resources,
        limits: { ...container.resources?.limits, ...pick(setLimits, maxima) },
      };
      notes.push(`${setLimits.join(', ')} limit for ${title} ${container.name}`);
    }
  };
  for (const container of pod.spec?.containers ?? []) fill(container, 'container');
  for (const container of pod.spec?.initContainers ?? []) fill(container, 'init container');
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    'kubernetes.io/limit-ranger': `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

function podProblems({ spec }: Pod, limit: LimitRangeItem): string[] {
  if (!spec) return [];
  if (limit.type === 'Pod') {
    return problems(limit, podResources(spec, 'requests'), podResources(spec, 'limits'));
  }
  if (limit.type !== 'Container') return [];
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    problems(limit, resources?.requests ?? {}, resources?.limits ?? {}),
  );
}

function claimProblems({ spec }: PersistentVolumeClaim, limit: LimitRangeItem): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return [];
  const requests = spec?.resources?.requests ?? {};
  return [
    ...entries(limit.min).flatMap(([name, min]) => below(limit.type, name, min, requests, {})),
    ...entries(limit.max).flatMap(([name, max]) => {
      const title = `maximum ${name} usage per ${limit.type} is ${max}`;
      const request = requests[name];
      if (request === undefined) return [`${title}.  No request is specified`];
      return compareQuantities(request, max) > 0 ? [`${title}, but request is ${request}`] : [];
    }),
  ];
}

function problems(limit: LimitRangeItem, requests: ResourceList, limits: ResourceList): string[] {
  return [
    ...entries(limit.min).flatMap(([name, min]) => below(limit.type, name, min, requests, limits)),
    ...entries(limit.max).flatMap(([name, max]) => above(limit.type, name, max, requests, limits)),
    ...entries(limit.maxLimitRequestRatio).flatMap(([name, ratio]) =>
      overRatio(limit.type, name, ratio, requests, limits),
    ),
  ];
}

const entries = (list: ResourceList | undefined) => Object.entries(list ?? {});

function below(type: string, name: string, min: string, requests: ResourceList, limits: ResourceList): string[] {
  const title = `minimum ${name} usage per ${type} is ${min}`;
  const [request, limit] = [requests[name], limits[name]];
  if (request === undefined) return [`${title}.  No request is specified`];
  if (compareQuantities(request, min) < 0) return [`${title}, but request is ${request}`];
  return limit !== undefined && compareQuantities(limit, min) < 0 ? [`${title}, but limit is ${limit}`] : [];
}

function above(type: string, name: string, max: string, requests: ResourceList, limits: ResourceList): string[] {
  const title = `maximum ${name} usage per ${type} is ${max}`;
  const [request, limit] = [requests[name], limits[name]];
  if (limit === undefined) return [`${title}.  No limit is specified`];
  if (compareQuantities(limit, max) > 0) return [`${title}, but limit is ${limit}`];
  return request !== undefined && compareQuantities(request, max) > 0 ? [`${title}, but request is ${request}`] : [];
}

function overRatio(type: string, name: string, max: string, requests: ResourceList, limits: ResourceList): string[] {
  const title = `${name} max limit to request ratio per ${type} is ${max}`;
  const nanos = (quantity: string | undefined) => (quantity === undefined ? 0 : Number(parseQuantity(quantity).nanos));
  const [request, limit] = [nanos(requests[name]), nanos(limits[name])];
  if (request === 0) return [`${title}, but no request is specified or request is 0`];
  if (limit === 0) return [`${title}, but no limit is specified or limit is 0`];
  const ratio = limit / request;
  return ratio > nanos(max) / 1e9 ? [`${title}, but provided ratio is ${ratio.toFixed(6)}`] : [];
}
