import { readText } from './read-text.ts';

/** Why this kernel enforces no AppArmor profiles; undefined if it does (kubernetes pkg/security/apparmor validate.go). */
export function withoutAppArmor(): string | undefined {
  const enabled = read('/sys/module/apparmor/parameters/enabled').startsWith('Y');
  return enabled ? undefined : 'AppArmor is not enabled on the host';
}

/** Names of the profiles that are loaded. */
export function appArmorProfiles(): string[] {
  const lines = read('/sys/kernel/security/apparmor/profiles').split('\n');
  return lines.map((line) => line.replace(/ \(\w+\)$/, '')).filter(Boolean);
}

function read(file: string): string {
  try {
    return readText(file);
  } catch {
    return '';
  }
}
