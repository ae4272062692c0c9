import type { Box } from './box.ts';

const family = 'ui-sans-serif, system-ui, "Noto Sans", "Noto Sans CJK KR", sans-serif';

export const fontOf = (size: number, strong: boolean): string =>
  `${strong ? 600 : 400} ${Math.round(size * 2) / 2}px ${family}`;

interface TitleText {
  box: Pick<Box, 'word' | 'name' | 'note'>;
  x: number;
  /** Of the middle. */
  y: number;
  size: number;
  /** Width in pixels. */
  room: number;
  colours: { text: string; faint: string; mark: string | undefined };
}

/** A dot for health, the kind, the name, a note; what has no room is left out, and the name is cut last. */
export function drawText(context: CanvasRenderingContext2D, title: TitleText): void {
  const { box, y, size, colours } = title;
  let { x, room } = title;
  context.textBaseline = 'middle';
  if (colours.mark) {
    context.fillStyle = colours.mark;
    context.beginPath();
    context.arc(x + size * 0.26, y, size * 0.29, 0, Math.PI * 2);
    context.fill();
    x += size * 0.85;
    room -= size * 0.85;
  }
  context.font = fontOf(size, true);
  const nameWidth = widthOf(context, box.name);
  context.font = fontOf(size, false);
  const wordWidth = box.word ? widthOf(context, box.word) + size * 0.4 : 0;
  if (wordWidth > 0 && wordWidth + nameWidth < room) {
    context.fillStyle = colours.faint;
    context.fillText(box.word, x, y);
    x += wordWidth;
    room -= wordWidth;
  }
  context.font = fontOf(size, true);
  context.fillStyle = colours.text;
  context.fillText(nameWidth <= room ? box.name : cut(context, box.name, room), x, y);
  room -= nameWidth + size * 0.7;
  if (!box.note || room < size * 2) return;
  context.font = fontOf(size, false);
  if (widthOf(context, box.note) > room) return;
  context.fillStyle = colours.faint;
  context.fillText(box.note, x + nameWidth + size * 0.7, y);
}

/** Widths of texts by font: measuring is what costs most in a frame. */
const widths = new Map<string, number>();

function widthOf(context: CanvasRenderingContext2D, text: string): number {
  const key = `${context.font}\n${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (widths.size > 20_000) widths.clear();
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}

/** The end of a name tells Pods apart, so the middle goes. */
function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  const average = widthOf(context, text) / Math.max(1, text.length);
  const fits = Math.floor(room / average) - 1;
  if (fits < 2) return fits < 1 ? '' : `${text.slice(0, 1)}…`;
  const end = Math.min(5, Math.floor(fits / 3));
  return `${text.slice(0, fits - end)}…${end > 0 ? text.slice(-end) : ''}`;
}
