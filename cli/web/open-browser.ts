import { startChild } from '../../src/linux/child.ts';

/** Opens the URL where there is a desktop; that there is none, or no browser, is no error: the URL is printed, too. */
export function openBrowser(url: string): void {
  if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  startChild(['xdg-open', url]).catch(() => {});
}
