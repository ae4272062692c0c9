// test/e2e/common/node/security_context.go and, last, test/e2e/node/security_context.go.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useConformanceCluster } from '../fixture/cluster.ts';
import { conformance } from '../fixture/conformance.ts';
import { busybox, podOf, testNamespace } from '../fixture/namespace.ts';

const suite = useConformanceCluster();

/** What a command prints in a container with a security context. */
async function output(command: string[], container: object, pod: object = {}): Promise<string> {
  const namespace = await testNamespace(suite, 'security');
  return namespace.output(podOf('user', busybox(command, { securityContext: container }), { securityContext: pod }));
}

describe('security context', { concurrency: 4 }, () => {
  conformance(
    '[sig-node] Security Context When creating a container with runAsUser should run the container with uid 65534 [LinuxOnly] [NodeConformance]',
    async () => {
      await output(['sh', '-c', 'test $(id -u) -eq 65534'], { runAsUser: 65534 });
    },
  );

  conformance(
    '[sig-node] Security Context When creating a pod with privileged should run the container as unprivileged when false [LinuxOnly] [NodeConformance]',
    async () => {
      const script = 'ip link add dummy0 type dummy 2>&1 || true';
      assert.match(await output(['sh', '-c', script], { privileged: false }), /Operation not permitted/);
    },
  );

  conformance(
    '[sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false [NodeConformance]',
    async () => {
      await output(['sh', '-c', 'touch checkfile'], { readOnlyRootFilesystem: false });
    },
  );

  /** The effective user of a program with the setuid bit that root has put there. */
  async function effectiveUser(allowPrivilegeEscalation: boolean): Promise<string> {
    const namespace = await testNamespace(suite, 'security');
    const volumes = [{ name: 'programs', emptyDir: {} }];
    const volumeMounts = [{ name: 'programs', mountPath: '/programs' }];
    const install = 'cp /usr/bin/perl /programs/setuid && chmod 4755 /programs/setuid';
    const pod = podOf(
      'nonewprivs',
      busybox(['/programs/setuid', '-e', 'print "Effective uid: $>\\n"'], {
        volumeMounts,
        securityContext: { runAsUser: 1000, allowPrivilegeEscalation },
      }),
      { volumes, initContainers: [busybox(['sh', '-c', install], { name: 'install', volumeMounts })] },
    );
    return namespace.output(pod);
  }

  conformance(
    '[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false [LinuxOnly] [NodeConformance]',
    async () => {
      assert.equal(await effectiveUser(false), 'Effective uid: 1000\n');
      assert.equal(await effectiveUser(true), 'Effective uid: 0\n', 'the program would escalate');
    },
  );

  conformance(
    '[sig-node] Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup [LinuxOnly]',
    async () => {
      const ids = await output(['sh', '-c', 'id'], {}, { runAsUser: 1001, runAsGroup: 2002 });
      assert.match(ids, /^uid=1001 gid=2002/);
    },
  );

  conformance(
    '[sig-node] Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup [LinuxOnly]',
    async () => {
      const [own, ofPod] = [
        { runAsUser: 1002, runAsGroup: 2002 },
        { runAsUser: 1001, runAsGroup: 2001 },
      ];
      assert.match(await output(['sh', '-c', 'id'], own, ofPod), /^uid=1002 gid=2002/);
    },
  );
});
