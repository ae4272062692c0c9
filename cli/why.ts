import { printable } from '../src/inspect/printable.ts';
import type { WhyReport } from '../src/inspect/why/finding.ts';
import { explainObject } from '../src/inspect/why/report.ts';
import { clusterClient } from './access.ts';
import { type Command, type Output, stringOption, UsageError, wantsJson } from './command.ts';
import { createStyle } from './style.ts';
import { intervalOption, showJson, showView, watchOptions } from './watch-view.ts';
import { wrapText } from './wrap-text.ts';

export const command: Command = {
  options: {
    namespace: { type: 'string', short: 'n' },
    output: { type: 'string', short: 'o' },
    all: { type: 'boolean', short: 'a' },
    ...watchOptions,
    watch: { type: 'boolean', short: 'w' },
  },
  help: `
Says why an object does not work: the cause first, then the evidence, then what to do.
KIND is pod, service, deployment, replicaset, statefulset, daemonset, job, cronjob, persistentvolumeclaim, node, or
kubectl's short name. It looks at the object, at what it is made of (a Deployment's Pods, a Service's Pods, a Pod's
claims), at events, at the last log lines, and, for Pods of this host, at their memory and their sockets.

  -n, --namespace NS   Default: default
  -a, --all            every finding in full, remarks too; else the first three
  -w, --watch          again every 2 seconds (-d SECONDS), until it works or ^C
  -o, --output json    for programs; docs/json.md has the schema

The exit code is 0 when nothing is wrong and 1 when something is.

examples:
  vitrine why pod/web-7d4f8b6c9-x2x7k
  vitrine why svc/shop -n production
  vitrine why pvc/data -o json`,
  run: async (invocation) => {
    const { args, name } = invocation;
    if (args.length < 1 || args.length > 2) throw new UsageError('give one KIND/NAME');
    const json = wantsJson(invocation);
    const subject = args.join('/');
    const namespace = stringOption(invocation, 'namespace') ?? 'default';
    const client = clusterClient(name);
    try {
      return await showView(invocation, intervalOption(invocation), async (out) => {
        const report = await explainObject(client, subject, namespace);
        if (json) showJson(invocation, out, report);
        else show(out, report, invocation.values.all === true);
        return { done: report.works, code: report.works ? 0 : 1 };
      });
    } finally {
      client.close();
    }
  },
};

function show(out: Output, { object, findings, unseen }: WhyReport, all: boolean): void {
  const style = createStyle(out.colour);
  const { kind, namespace, name } = object;
  const title = `${kind} ${namespace ? `${namespace}/` : ''}${name}`;
  const problems = findings.filter(({ severity }) => severity !== 'note');
  const width = Math.max(40, out.columns ?? 120);
  if (problems.length === 0) out.line(`${style.good('nothing is wrong with')} ${style.name(title)}`);
  const shown = all ? findings : problems.length > 0 ? problems.slice(0, 3) : findings;
  for (const [i, finding] of shown.entries()) {
    const paint = finding.severity === 'error' ? style.bad : finding.severity === 'waiting' ? style.warn : style.dim;
    const more = finding.count > 1 ? ` (and ${finding.count - 1} more like it)` : '';
    if (i > 0) out.line();
    const [head = '', ...rest] = wrapText(printable(`${finding.subject}: ${finding.cause}${more}`), width);
    out.line(paint(head));
    for (const line of rest) out.line(paint(line));
    for (const text of finding.evidence) for (const line of wrapText(`  ${printable(text)}`, width, 4)) out.line(line);
    for (const text of finding.hints)
      for (const line of wrapText(`  → ${printable(text)}`, width, 4)) out.line(style.kind(line));
  }
  const hidden = findings.length - shown.length;
  if (hidden > 0) out.line(style.dim(`${hidden} more: --all shows them`));
  for (const text of unseen) out.line(style.dim(`could not see ${printable(text)}`));
}
