import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { storeFile } from '../datastore.ts';
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

/** Checks the node, the store and the images. With `deep` every byte of the images is read. */
export async function checkCluster(sources: Sources & { images: Images; deep: boolean }): Promise<CheckReport> {
  const node = await checkNode(sources);
  const store = checkStoreFile(sources);
  const images = await sources.images.check({ deep: sources.deep });
  return {
    findings: [
      ...node.findings,
      ...store.findings,
      ...images.problems.map(({ about, problem }): Finding => ({ area: 'images', about, problem })),
    ],
    looked: [...node.looked, ...store.looked, `images: ${images.images} in ${images.blobs} blobs`],
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
  const looked = [
    `node: ${sandboxes.length} sandboxes, ${containers.length} containers, ${monitors.length} monitors, ${mounts.length} mounts, ${links.length} links, ${podCgroups.length} Pod cgroups`,
    pods ? `API: ${pods.size} Pods` : 'API: does not answer',
  ];
  return { findings, looked };
}

const textOf = ({ area, about, problem }: Finding): string => `${area} ${about} ${problem}`;

function checkStoreFile({ paths, config }: Sources): CheckReport {
  const file = storeFile(paths);
  if (config.datastore || !fs.existsSync(file)) return { findings: [], looked: ['store: etcd, which checks itself'] };
  const { problems, revision, keys } = checkStore(file);
  return {
    findings: problems.map((problem): Finding => ({ area: 'store', about: file, problem })),
    looked: [`store: revision ${revision}, ${keys} keys`],
  };
}
