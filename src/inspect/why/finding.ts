/** One reason why an object does not work, or is about to. */
export interface Finding {
  /** Stable name for programs: 'ImageNotFound'. */
  code: string;
  /** 'error': it does not work because of this; 'waiting': it may still come; 'note': worth knowing, not the cause. */
  severity: 'error' | 'waiting' | 'note';
  /** Which object it is about: 'Pod default/web-1'. */
  subject: string;
  /** One sentence. */
  cause: string;
  /** What was seen: conditions, events, log lines, figures. */
  evidence: string[];
  /** What to do about it: commands, or what to change. */
  hints: string[];
  /** How many objects of the same owner have it. @default 1 */
  count?: number;
}

/** What `vitrine why -o json` prints and the page's panel shows; docs/json.md is its description. */
export interface WhyReport {
  schema: 'vitrine/why/v1';
  /** RFC 3339. */
  takenAt: string;
  object: { kind: string; namespace: string | null; name: string; uid: string };
  works: boolean;
  findings: (Finding & { count: number })[];
  /** What could not be read, and why. */
  unseen: string[];
}

const ranks: Record<Finding['severity'], number> = { error: 0, waiting: 1, note: 2 };

/** The cause first: errors before what is still under way before remarks; otherwise in the order they were found. */
export function orderFindings(findings: Finding[]): Finding[] {
  return mergeSame(findings).sort((a, b) => ranks[a.severity] - ranks[b.severity]);
}

/** The same cause in several Pods of one owner is one finding with a count. */
function mergeSame(findings: Finding[]): Finding[] {
  const byCause = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.code}\n${finding.cause}`;
    const known = byCause.get(key);
    if (!known) byCause.set(key, { ...finding });
    else if (known.subject !== finding.subject) known.count = (known.count ?? 1) + (finding.count ?? 1);
  }
  return [...byCause.values()];
}
