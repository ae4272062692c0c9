import { kubernetesVersion } from '../../api/generated/kubernetes-version.ts';

/** /version: what kubectl shows as the server's version. It parses as a semantic version; '+vitrine' is build metadata. */
export function versionInfo(): object {
  const [major = '', minor = ''] = kubernetesVersion.split('.');
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: `v${kubernetesVersion}+vitrine`,
    // Put there by the bundler (tools/build.ts); from sources it is unknown.
    gitCommit: process.env.VITRINE_COMMIT ?? '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: `node ${process.version}`,
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
