/** Families of distributions, whose packages and paths differ. */
export type Family = 'debian' | 'redhat' | 'suse' | 'alpine' | 'arch' | 'other';

export type ByFamily<T> = Partial<Record<Family, T>>;

export const roles = [
  'web server',
  'proxy',
  'database',
  'cache',
  'queue',
  'search',
  'container runtime',
  'cluster',
  'monitoring',
  'directory',
  'mail',
  'name service',
  'file service',
  'remote access',
  'time',
  'log',
  'schedule',
  'network',
  'system',
  'application',
  'runtime',
] as const;
export type Role = (typeof roles)[number];

/** What is known of a service before looking: how it is recognised and where its things usually are. */
export interface ServiceKnowledge {
  name: string;
  title: string;
  role: Role;
  /** Names of its programs: of the executable, of the kernel's name for the process, or of the first argument. */
  programs: string[];
  /** Needed too, where the program runs many things (java, python3): found in the command line. */
  command?: RegExp | undefined;
  /** Package, where it is not called like the service. */
  packages?: ByFamily<string>;
  /** systemd or OpenRC unit, without '.service', where it is not called like the service. */
  units?: ByFamily<string>;
  /** Paths that exist on some distribution; those that are there are shown. */
  config?: string[];
  logs?: string[];
  data?: string[];
  ports?: number[];
}
