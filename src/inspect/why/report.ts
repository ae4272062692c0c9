import type { KubeObject } from '../../api/object.ts';
import type { Client } from '../../client/client.ts';
import { diagnose } from './diagnose.ts';
import type { WhyReport } from './finding.ts';
import { gatherFacts } from './gather.ts';
import { parseSubject } from './subject.ts';

/** Why an object ('pod/web') does not work. Fails as the API does when it is not there. */
export async function explainObject(client: Client, subject: string, namespace: string): Promise<WhyReport> {
  const { resource, name } = parseSubject(subject);
  const found = await client.get(resource, name, resource.namespaced ? namespace : undefined);
  const object: KubeObject = { ...found, kind: resource.kind };
  const facts = await gatherFacts(client, namespace);
  const findings = diagnose(object, facts).map((finding) => ({ ...finding, count: finding.count ?? 1 }));
  const { uid } = object.metadata;
  return {
    schema: 'vitrine/why/v1',
    takenAt: new Date(facts.nowMs).toISOString(),
    object: { kind: resource.kind, namespace: object.metadata.namespace ?? null, name, uid },
    works: !findings.some(({ severity }) => severity !== 'note'),
    findings,
    unseen: facts.unseen,
  };
}
