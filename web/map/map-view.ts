import {
  colourMode,
  filter,
  flyTo,
  found,
  hovered,
  query,
  readings,
  select,
  selected,
  theme,
  world,
} from '../state.ts';
import type { Box } from './box.ts';
import { type Camera, fit, flight, isSeen, pan, type Rectangle, type Size, zoomAt } from './camera.ts';
import { controlPlaneBoxes } from './control-plane-boxes.ts';
import { draw } from './draw.ts';
import { layOut } from './layout.ts';
import { type Lit, litFor } from './lit.ts';
import { MapInput } from './map-input.ts';
import { palettes } from './palette.ts';
import { hitAt, indexBoxes, neighbour, placeOf } from './pick.ts';
import { workloadBoxes } from './workload-boxes.ts';

/** One canvas: builds the boxes from what is known, lays them out, draws when something has changed. */
export class MapView {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #kind: 'workloads' | 'control-plane';
  readonly #input: MapInput;
  readonly #resizing: ResizeObserver;
  #root: Box;
  /** Boxes of #root by id. */
  #boxes = new Map<string, Box>();
  #screen: Size = { width: 0, height: 0 };
  #camera: Camera = { x: 0, y: 0, scale: 1 };
  /** Until somebody moves the camera, it shows all, also when that grows. */
  #showsAll = true;
  /** The reading and filter that #root was made from. */
  #madeFrom: unknown[] = [];
  /** The wish that was flown to last. */
  #flown: { id: string } | undefined;
  /** What was flown to, until somebody moves the camera: it stays in sight when the canvas changes its size. */
  #target: string | undefined;
  #lit: Lit | undefined;
  /** Set while a frame is due. */
  #frame: number | undefined;
  /** Set while the camera is under way. */
  #flying: { at: (t: number) => Camera; durationMs: number; beganMs: number } | undefined;

  constructor(canvas: HTMLCanvasElement, kind: 'workloads' | 'control-plane') {
    this.#canvas = canvas;
    this.#kind = kind;
    this.#context = canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
    this.#root = workloadBoxes(world, filter.value);
    this.#input = new MapInput(canvas, {
      hover: (point) => {
        hovered.value = point && this.#hit(point);
      },
      choose: (point) => select(this.#hit(point)),
      zoomTo: (point) => {
        const id = this.#hit(point);
        if (id) this.#flyTo(id);
        else this.fitAll();
      },
      pan: (dx, dy) => this.#move(pan(this.#camera, dx, dy)),
      zoom: (point, factor) => this.#move(zoomAt(this.#camera, point, factor)),
      key: (key) => this.#key(key),
    });
    this.#resizing = new ResizeObserver(() => this.#resize());
    this.#resizing.observe(canvas);
  }

  /** Called in an effect: whatever it reads calls it again. */
  follow(): void {
    const madeFrom = [readings.value, filter.value];
    theme.value;
    colourMode.value;
    if (madeFrom.some((value, i) => value !== this.#madeFrom[i])) {
      this.#madeFrom = madeFrom;
      this.#rebuild();
    }
    const wanted = query.value ? found.value.map(({ id }) => id) : [];
    this.#lit = litFor(world, hovered.value ?? selected.value, wanted, this.#boxes);
    const wish = flyTo.value;
    if (wish && wish !== this.#flown && this.#screen.width > 0) {
      this.#flown = wish;
      this.#flyTo(wish.id);
    }
    this.#redraw();
  }

  close(): void {
    this.#input.close();
    this.#resizing.disconnect();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  zoom(factor: number): void {
    const { width, height } = this.#screen;
    const target = zoomAt(this.#camera, { x: width / 2, y: height / 2 }, factor);
    this.#fly(target);
    this.#target = undefined;
    this.#showsAll = false;
  }

  fitAll(): void {
    this.#fly(fit(this.#root, this.#screen));
    this.#target = undefined;
    this.#showsAll = true;
  }

  #rebuild(): void {
    const anchor = this.#showsAll ? undefined : this.#anchor();
    const make = this.#kind === 'workloads' ? workloadBoxes : controlPlaneBoxes;
    this.#root = make(world, filter.peek());
    layOut(this.#root, this.#screen.width / Math.max(1, this.#screen.height) || 1.5);
    this.#boxes = indexBoxes(this.#root);
    if (this.#showsAll && !this.#flying) this.#camera = fit(this.#root, this.#screen);
    const moved = anchor && this.#boxes.get(anchor.id);
    // What is in the middle of the screen stays there when things around it come and go.
    if (moved && !this.#flying)
      this.#camera = {
        ...this.#camera,
        x: this.#camera.x + moved.x - anchor.x,
        y: this.#camera.y + moved.y - anchor.y,
      };
  }

  #anchor(): { id: string; x: number; y: number } | undefined {
    const { width, height } = this.#screen;
    const id = hitAt(this.#root, this.#camera, { x: width / 2, y: height / 2 }, false);
    const box = id === undefined ? undefined : this.#boxes.get(id);
    return box && { id: box.id, x: box.x, y: box.y };
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    if (clientWidth === 0) return;
    const ratio = devicePixelRatio || 1;
    this.#screen = { width: clientWidth, height: clientHeight };
    this.#canvas.width = Math.round(clientWidth * ratio);
    this.#canvas.height = Math.round(clientHeight * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // The whole is packed for the shape of the screen.
    this.#rebuild();
    const place = this.#target === undefined ? undefined : placeOf(this.#boxes, world, this.#target);
    if (place) {
      this.#flying = undefined;
      this.#camera = fit(withRoom(place, this.#screen), this.#screen);
    }
    this.#paint();
  }

  #hit(point: { x: number; y: number }): string | undefined {
    return hitAt(this.#root, this.#camera, point, true);
  }

  #move(camera: Camera): void {
    this.#target = undefined;
    this.#flying = undefined;
    this.#showsAll = false;
    this.#camera = camera;
    this.#redraw();
  }

  #flyTo(id: string): void {
    const place = placeOf(this.#boxes, world, id);
    if (!place) return;
    this.#showsAll = false;
    this.#target = id;
    this.#fly(fit(withRoom(place, this.#screen), this.#screen));
  }

  #fly(to: Camera): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) this.#camera = to;
    else this.#flying = { ...flight(this.#camera, to, this.#screen), beganMs: performance.now() };
    this.#redraw();
  }

  #key(key: string): boolean {
    if (key === '+' || key === '=') this.zoom(1.6);
    else if (key === '-') this.zoom(1 / 1.6);
    else if (key === '0') this.fitAll();
    else if (key === 'Enter') {
      if (selected.value) this.#flyTo(selected.value);
    } else if (key === 'Escape') this.#outwards();
    else if (key.startsWith('Arrow')) this.#step(key);
    else return false;
    return true;
  }

  #outwards(): void {
    if (selected.value) select(undefined);
    else this.fitAll();
  }

  #step(key: string): void {
    const next = neighbour(this.#root, this.#boxes, world, selected.value, key);
    if (next === undefined) return;
    select(next);
    const place = placeOf(this.#boxes, world, next);
    if (!place) return;
    const small = place.width * this.#camera.scale < 12;
    if (small || !isSeen(this.#camera, this.#screen, place)) this.#flyTo(next);
  }

  #redraw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#paint();
    });
  }

  #paint(): void {
    if (this.#flying) {
      const { at, durationMs, beganMs } = this.#flying;
      const t = Math.min(1, (performance.now() - beganMs) / durationMs);
      this.#camera = at(t * (2 - t));
      if (t >= 1) this.#flying = undefined;
      else this.#redraw();
    }
    draw(this.#context, {
      world,
      root: this.#root,
      camera: this.#camera,
      screen: this.#screen,
      palette: palettes[theme.peek()],
      mode: colourMode.peek(),
      lit: this.#lit?.ids,
      partial: this.#lit?.partial ?? new Set(),
      hovered: hovered.peek(),
      selected: selected.peek(),
    });
    // For tests, and for whoever wonders: what a picture cannot tell.
    this.#canvas.dataset.scale = this.#camera.scale.toFixed(3);
    this.#canvas.dataset.lit = String(this.#lit ? [...this.#lit.ids].filter((id) => this.#boxes.has(id)).length : 0);
  }
}

/** A cell or a small box does not fill the screen: what is around it says where one is. */
function withRoom({ x, y, width, height }: Rectangle, screen: Size): Rectangle {
  const least = screen.width / 14;
  const grow = Math.max(1.04, width < least ? Math.min(3, least / width) : 1);
  return {
    x: x - (width * (grow - 1)) / 2,
    y: y - (height * (grow - 1)) / 2,
    width: width * grow,
    height: height * grow,
  };
}
