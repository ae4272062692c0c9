import { setTimeout as delay } from 'node:timers/promises';
import { errorChain } from '../base/log.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import { checkDatastore, storeFile } from '../datastore.ts';
import { plural } from '../inspect/plural.ts';
import type { ClusterPaths } from '../paths.ts';
import type { Images } from '../runtime/runtime.ts';
import { checkStore } from '../store/check.ts';
import type { Finding } from './node-facts.ts';
import { planNodeCheck } from './plan-node-check.ts';
import { readNodeFacts, type Sources } from './read-node-facts.ts';

export interface CheckReport {
  findings: Finding[];
  /** What was looked at: '12 containers', 'store: revision 1234, 312 keys'. */
  looked: string[];
}

/** A Pod may be on its way between any two looks; what is off stays off. */
const looks = 3;
const betweenMs = 700;

export interface ClusterSources {
  paths: ClusterPaths;
  config: ClusterConfig;
  nodes: Sources[];
  images: Images;
  /** Read every byte of the images. */
  deep: boolean;
}

/** Checks the nodes, the store and the images. */
export async function checkCluster(sources: ClusterSources): Promise<CheckReport> {
  const nodes = await Promise.all(sources.nodes.map(checkNode));
  // Of several nodes each finding says on which it is.
  const ofNode = (nodeName: string, finding: Finding): Finding =>
    nodes.length > 1 ? { ...finding, about: `${nodeName}: ${finding.about}` } : finding;
  const store = await checkObjects(sources);
  const images = await sources.images.check({ deep: sources.deep });
  return {
    findings: [
      ...nodes.flatMap(({ findings }, i) => findings.map((one) => ofNode(sources.nodes[i]!.node.nodeName, one))),
      ...store.findings,
      ...images.problems.map(({ about, problem }): Finding => ({ area: 'images', about, problem })),
    ],
    looked: [
      ...nodes.flatMap(({ looked }) => looked),
      ...store.looked,
      `images: ${images.images} in ${plural(images.blobs, 'blob')}`,
    ],
  };
}

async function checkNode(sources: Sources): Promise<CheckReport> {
  let facts = await readNodeFacts(sources);
  let findings = planNodeCheck(facts);
  for (let look = 1; look < looks && findings.length > 0; look++) {
    await delay(betweenMs);
    facts = await readNodeFacts(sources);
    const again = new Set(planNodeCheck(facts).map(textOf));
    findings = findings.filter((finding) => again.has(textOf(finding)));
  }
  const { sandboxes, containers, mounts, links, podCgroups, monitors, pods } = facts;
  const { nodeName } = sources.node;
  const looked = [
    `node ${nodeName}: ${[
      plural(sandboxes.length, 'sandbox'),
      plural(containers.length, 'container'),
      plural(monitors.length, 'monitor'),
      plural(mounts.length, 'mount'),
      plural(links.length, 'link'),
      plural(podCgroups.length, 'Pod cgroup'),
    ].join(', ')}`,
    pods ? `API: ${plural(pods.size, 'Pod')} on node ${nodeName}` : `API: does not answer for node ${nodeName}`,
  ];
  return { findings, looked };
}

const textOf = ({ area, about, problem }: Finding): string => `${area} ${about} ${problem}`;

async function checkObjects({ paths, config }: ClusterSources): Promise<CheckReport> {
  const about = config.datastore ? `etcd ${config.datastore.endpoints.join()}` : storeFile(paths);
  try {
    const { problems, revision, keys } = config.datastore ? await checkDatastore(config.datastore) : checkStore(about);
    return {
      findings: problems.map((problem): Finding => ({ area: 'store', about, problem })),
      looked: [`store: revision ${revision}, ${plural(keys, 'key')}${config.datastore ? ' in etcd' : ''}`],
    };
  } catch (error) {
    return { findings: [{ area: 'store', about, problem: errorChain(error) }], looked: ['store: cannot be read'] };
  }
}
