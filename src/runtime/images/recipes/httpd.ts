import type { BuildSpec } from '../../runtime.ts';

const prefix = '/usr/local/apache2';

/** Modules that the official image's httpd.conf loads, less those that Debian's binary has built in. */
const loaded = [
  'mpm_event',
  'authn_file',
  'authn_core',
  'authz_host',
  'authz_groupfile',
  'authz_user',
  'authz_core',
  'access_compat',
  'auth_basic',
  'reqtimeout',
  'filter',
  'mime',
  'env',
  'headers',
  'setenvif',
  'status',
  'autoindex',
  'dir',
  'alias',
];
/** Modules that are there for people's own configuration. */
const available = [
  'actions',
  'allowmethods',
  'auth_digest',
  'authn_anon',
  'authn_socache',
  'buffer',
  'cache',
  'cache_disk',
  'cgi',
  'cgid',
  'deflate',
  'expires',
  'ext_filter',
  'http2',
  'include',
  'info',
  'lbmethod_byrequests',
  'lbmethod_bytraffic',
  'macro',
  'negotiation',
  'proxy',
  'proxy_balancer',
  'proxy_connect',
  'proxy_fcgi',
  'proxy_http',
  'proxy_wstunnel',
  'ratelimit',
  'remoteip',
  'rewrite',
  'session',
  'session_cookie',
  'slotmem_shm',
  'socache_shmcb',
  'speling',
  'ssl',
  'substitute',
  'unique_id',
  'userdir',
  'usertrack',
  'vhost_alias',
];

const configuration = `ServerRoot "${prefix}"
Listen 80
${loaded.map((name) => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
User www-data
Group www-data
ServerAdmin you@example.com
DefaultRuntimeDir logs
PidFile logs/httpd.pid
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "${prefix}/htdocs"
<Directory "${prefix}/htdocs">
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
DirectoryIndex index.html
<Files ".ht*">
    Require all denied
</Files>
ErrorLog /proc/self/fd/2
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog /proc/self/fd/1 common
TypesConfig conf/mime.types
`;

const foreground = `#!/bin/sh
set -e
# A pid file of an earlier run would keep httpd from starting.
[ ! -e ${prefix}/logs/httpd.pid ] || rm -f ${prefix}/logs/httpd.pid
exec httpd -DFOREGROUND "$@"
`;

const tools = [
  'awk',
  'base64',
  'basename',
  'cat',
  'chmod',
  'chown',
  'cp',
  'cut',
  'date',
  'dd',
  'df',
  'dirname',
  'du',
  'echo',
  'env',
  'expr',
  'false',
  'find',
  'grep',
  'gunzip',
  'gzip',
  'head',
  'hostname',
  'id',
  'kill',
  'ln',
  'ls',
  'md5sum',
  'mkdir',
  'mktemp',
  'mv',
  'nproc',
  'nslookup',
  'od',
  'ping',
  'printf',
  'ps',
  'pwd',
  'readlink',
  'rm',
  'rmdir',
  'sed',
  'seq',
  'sha256sum',
  'sleep',
  'sort',
  'stat',
  'tail',
  'tar',
  'tee',
  'test',
  'timeout',
  'top',
  'touch',
  'tr',
  'true',
  'tty',
  'uname',
  'uniq',
  'vi',
  'wc',
  'wget',
  'which',
  'whoami',
  'xargs',
  'yes',
];

/**
 * httpd:latest from Debian's Apache, behaving as the official image does: event MPM, which starts 1 parent and 3
 * children of 27 threads each; files under /usr/local/apache2; logs on standard output and error.
 * Not as there: modules that Debian builds in (log_config, unixd, version) cannot be named in LoadModule.
 */
export const httpdRecipe: BuildSpec = {
  name: 'docker.io/library/httpd:latest',
  // busybox's own shell would take its applet 'httpd' for Apache.
  packages: ['apache2-bin', 'busybox-static', 'dash', 'media-types'],
  skip: [
    'perl*',
    'libperl*',
    'tar',
    'libicu*',
    'libdb5*',
    'libgdbm*',
    'libsqlite3*',
    'libgnutls*',
    'lib*krb5*',
    'lua*',
  ],
  keep: [
    '/usr/sbin/apache2',
    ...[...loaded, ...available].map((name) => `/usr/lib/apache2/modules/mod_${name}.so`),
    // Loaded at run time by the threads library.
    '/lib/*/libgcc_s.so.1',
    '/bin/busybox',
    '/bin/dash',
    '/etc/mime.types',
  ],
  directories: [`${prefix}/logs`, `${prefix}/cgi-bin`],
  files: [
    { path: `${prefix}/conf/httpd.conf`, content: configuration },
    { path: `${prefix}/htdocs/index.html`, content: '<html><body><h1>It works!</h1></body></html>\n' },
    { path: '/usr/local/bin/httpd-foreground', content: foreground, mode: 0o755 },
  ],
  moves: [
    ['/usr/sbin/apache2', `${prefix}/bin/httpd`],
    ['/usr/lib/apache2/modules/', `${prefix}/modules/`],
    ['/etc/mime.types', `${prefix}/conf/mime.types`],
  ],
  links: [
    // The binary's built-in place of its configuration.
    ['/etc/apache2/apache2.conf', `${prefix}/conf/httpd.conf`],
    ['/bin/sh', 'dash'],
    ...tools.map((tool): [string, string] => [`/bin/${tool}`, 'busybox']),
  ],
  env: [`PATH=${prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, `HTTPD_PREFIX=${prefix}`],
  cmd: ['httpd-foreground'],
  workingDir: prefix,
  stopSignal: 'SIGWINCH',
  expose: ['80/tcp'],
};
