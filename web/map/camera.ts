export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Which part of the world is seen: the world's point at the top left of the screen, and pixels a unit. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

const smallest = 0.02;
/** A thread's cell is then as wide as a phone. */
const largest = 40;

/** The camera that shows a rectangle whole, in the middle. */
export function fit(area: Rectangle, screen: Size, margin = 16): Camera {
  const width = Math.max(1, screen.width - 2 * margin);
  const height = Math.max(1, screen.height - 2 * margin);
  const scale = limit(Math.min(width / Math.max(1, area.width), height / Math.max(1, area.height)));
  return {
    scale,
    x: area.x + area.width / 2 - screen.width / 2 / scale,
    y: area.y + area.height / 2 - screen.height / 2 / scale,
  };
}

/** Zooms about a point of the screen, which stays where it is. */
export function zoomAt(camera: Camera, point: { x: number; y: number }, factor: number): Camera {
  const scale = limit(camera.scale * factor);
  return {
    scale,
    x: camera.x + point.x / camera.scale - point.x / scale,
    y: camera.y + point.y / camera.scale - point.y / scale,
  };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale };
}

export function toWorld(camera: Camera, point: { x: number; y: number }): { x: number; y: number } {
  return { x: camera.x + point.x / camera.scale, y: camera.y + point.y / camera.scale };
}

const limit = (scale: number): number => Math.min(largest, Math.max(smallest, scale));

/**
 * The flight from one view to another that looks smooth at every moment: it goes up to see both ends, then down
 * (van Wijk and Nuij, 'Smooth and efficient zooming and panning', 2003, with their rho² = 2). `at` is from 0 to 1.
 */
export function flight(from: Camera, to: Camera, screen: Size): { at: (t: number) => Camera; durationMs: number } {
  const view = (camera: Camera) => ({
    cx: camera.x + screen.width / 2 / camera.scale,
    cy: camera.y + screen.height / 2 / camera.scale,
    width: screen.width / camera.scale,
  });
  const [a, b] = [view(from), view(to)];
  const [dx, dy] = [b.cx - a.cx, b.cy - a.cy];
  const distance = Math.hypot(dx, dy);
  const near = distance < 1e-6 * a.width;
  const b0 = near ? 0 : (b.width ** 2 - a.width ** 2 + 4 * distance ** 2) / (4 * a.width * distance);
  const b1 = near ? 0 : (b.width ** 2 - a.width ** 2 - 4 * distance ** 2) / (4 * b.width * distance);
  const r0 = Math.asinh(-b0);
  const r1 = Math.asinh(-b1);
  const length = near ? Math.log(b.width / a.width) / Math.SQRT2 : (r1 - r0) / Math.SQRT2;
  const camera = (cx: number, cy: number, width: number): Camera => {
    const scale = screen.width / width;
    return { scale, x: cx - screen.width / 2 / scale, y: cy - screen.height / 2 / scale };
  };
  return {
    durationMs: Math.min(900, Math.max(180, Math.abs(length) * 420)),
    at: (t) => {
      if (t >= 1) return to;
      const s = length * t;
      if (near) return camera(a.cx + dx * t, a.cy + dy * t, a.width * Math.exp(Math.SQRT2 * s));
      const along = (a.width / 2 / distance) * (Math.cosh(r0) * Math.tanh(Math.SQRT2 * s + r0) - Math.sinh(r0));
      return camera(a.cx + along * dx, a.cy + along * dy, (a.width * Math.cosh(r0)) / Math.cosh(Math.SQRT2 * s + r0));
    },
  };
}

/** Whether something of a rectangle is on the screen. */
export function isSeen(camera: Camera, screen: Size, box: Rectangle): boolean {
  const left = (box.x - camera.x) * camera.scale;
  const top = (box.y - camera.y) * camera.scale;
  return (
    left < screen.width &&
    top < screen.height &&
    left + box.width * camera.scale > 0 &&
    top + box.height * camera.scale > 0
  );
}
