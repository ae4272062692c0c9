import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PackageInfo } from '../../src/linux/packages.ts';
import { DebianHost, noDebianHost } from './debian-host.ts';

/** Databases that rpm and pacman have made themselves, with a package that their own tools built and installed. */
const options = { skip: noDebianHost ?? false };
let host: DebianHost;

const makeRpm = `
mkdir -p /tmp/rpm /tmp/tree/usr/sbin
printf '#!/bin/sh\\n' > /tmp/tree/usr/sbin/glassd
cat > /tmp/glass.spec <<X
Name: glass-daemon
Version: 2.1
Release: 7
Summary: a test
License: none
BuildArch: noarch
%description
a test
%install
cp -a /tmp/tree/. %{buildroot}
%files
/usr/sbin/glassd
X
rpmbuild --quiet --define '_topdir /tmp/rpm' -bb /tmp/glass.spec
mkdir -p /tmp/rpmroot
rpm --root /tmp/rpmroot --define '_dbpath /var/lib/rpm' --define '_db_backend sqlite' --initdb
rpm --root /tmp/rpmroot --define '_dbpath /var/lib/rpm' --define '_db_backend sqlite' --nodeps --ignorearch -i /tmp/rpm/RPMS/noarch/glass-daemon-2.1-7.noarch.rpm
test -f /tmp/rpmroot/var/lib/rpm/rpmdb.sqlite
`;

const makePacman = `
mkdir -p /tmp/pkg/usr/sbin /tmp/pacroot/var/lib/pacman /tmp/pacroot/var/cache/pacman/pkg
printf '#!/bin/sh\\n' > /tmp/pkg/usr/sbin/glassd
cat > /tmp/pkg/.PKGINFO <<X
pkgname = glass-daemon
pkgver = 2.1-7
pkgdesc = a test
url = none
builddate = 1
packager = test
size = 10
arch = any
X
tar -C /tmp/pkg -czf /tmp/glass-daemon-2.1-7-any.pkg.tar.gz .PKGINFO usr
printf '[options]\\nArchitecture = auto\\nSigLevel = Never\\nLocalFileSigLevel = Never\\n' > /tmp/pacman.conf
pacman --config /tmp/pacman.conf --root /tmp/pacroot --noconfirm --noprogressbar -U /tmp/glass-daemon-2.1-7-any.pkg.tar.gz >/dev/null
`;

before(async () => {
  if (noDebianHost) return;
  host = await DebianHost.start(['rpm', 'pacman-package-manager']);
});
after(() => host?.stop());

async function ownersIn(root: string): Promise<[string, PackageInfo][]> {
  const reader = `import { readPackageOwners } from './src/linux/packages.ts';
    console.log(JSON.stringify([...readPackageOwners(['/usr/sbin/glassd', '/usr/sbin/nobodys'], '${root}')]))`;
  const node = './node_modules/.bin/node --disable-warning=ExperimentalWarning --input-type=module-typescript';
  return JSON.parse(await host.run(`cd ${process.cwd()}; ${node} -e "${reader}"`));
}

test('rpm: the SQLite database is read without rpm', options, async () => {
  await host.run(makeRpm);
  assert.deepEqual(await ownersIn('/tmp/rpmroot'), [['/usr/sbin/glassd', { name: 'glass-daemon', version: '2.1-7' }]]);
});

test('pacman: its database is read without pacman', options, async () => {
  await host.run(makePacman);
  assert.deepEqual(await ownersIn('/tmp/pacroot'), [['/usr/sbin/glassd', { name: 'glass-daemon', version: '2.1-7' }]]);
});
