import { type CheckReport, checkCluster } from '../src/check/check-cluster.ts';
import { withNodes } from '../src/cluster.ts';
import { clusterState, restartNodes } from '../src/launch.ts';
import { clusterClient, noCluster } from './access.ts';
import { type Command, type Output, UsageError } from './command.ts';
import { formatTable } from './output.ts';

export const command: Command = {
  options: { repair: { type: 'boolean' }, deep: { type: 'boolean' }, output: { type: 'string', short: 'o' } },
  help: `
Verifies that the nodes' files, the kernel and the API tell of the same Pods, that the store is whole (SQLite's integrity and
the order of revisions; on etcd, that every key can be read), and that the images are. Works on a running, a stopped and a
crashed cluster; changes nothing.
Exit code 0 when all is well, 1 when something is off.

  --deep               read every byte of the images, too
  --repair             if something of the node is off, start the node process anew, which removes what belongs to
                       nobody; containers go on. What is off in the store or the images is told only.
  -o, --output json    for programs

examples:
  vitrine check
  vitrine check --repair --name ci`,
  run: async ({ name, values, out }) => {
    if (values.output !== undefined && values.output !== 'json')
      throw new UsageError(`-o "${values.output}": must be json`);
    const { config, agent, server } = clusterState(name);
    if (!config) throw noCluster(name);
    const look = () => checkNow(name, server !== undefined, values.deep === true);
    let report = await look();
    let repaired = false;
    if (values.repair && agent && report.findings.some(({ area }) => area !== 'store' && area !== 'images')) {
      out.progress('starting the node processes anew …');
      await restartNodes(name);
      repaired = true;
      report = await look();
    }
    if (values.output === 'json') out.line(JSON.stringify({ ...report, repaired }, null, 2));
    else print(report, out, repaired);
    return report.findings.length === 0 ? 0 : 1;
  },
};

async function checkNow(name: string, hasServer: boolean, deep: boolean): Promise<CheckReport> {
  const client = hasServer ? clusterClient(name) : undefined;
  try {
    return await withNodes(name, ({ nodes, ...cluster }) =>
      checkCluster({ ...cluster, deep, nodes: nodes.map((node) => ({ ...node, ...(client && { client }) })) }),
    );
  } finally {
    client?.close();
  }
}

function print({ findings, looked }: CheckReport, out: Output, repaired: boolean): void {
  for (const line of looked) out.line(line);
  if (repaired) out.line('the node process was started anew');
  if (findings.length === 0) out.line('all is well');
  else printFindings(findings, out);
}

function printFindings(findings: CheckReport['findings'], out: Output): void {
  out.line(`${findings.length} ${findings.length === 1 ? 'thing is' : 'things are'} off:`);
  for (const line of formatTable(findings.map(({ area, about, problem }) => [area, about, problem])))
    out.line(`  ${line}`);
}
