export interface Point {
  x: number;
  y: number;
}

export interface MapGestures {
  hover(point: Point | undefined): void;
  choose(point: Point): void;
  zoomTo(point: Point): void;
  pan(dx: number, dy: number): void;
  zoom(point: Point, factor: number): void;
  /** Whether the key means something here. */
  key(key: string): boolean;
}

/** A pointer that moves less than this between down and up was a click. */
const clickPixels = 6;

/** Mouse, touch and keys on the canvas as gestures: one finger pans, two zoom. */
export class MapInput {
  readonly #canvas: HTMLCanvasElement;
  readonly #gestures: MapGestures;
  readonly #stop = new AbortController();
  /** Pointers that are down, by id. */
  readonly #down = new Map<number, Point>();
  /** How far they have moved since the first came down. */
  #travelled = 0;
  /** A point to hover that waits for the next frame: mice report more often. */
  #waiting: Point | undefined;

  constructor(canvas: HTMLCanvasElement, gestures: MapGestures) {
    this.#canvas = canvas;
    this.#gestures = gestures;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      listener: (event: HTMLElementEventMap[K]) => void,
      passive = true,
    ) => canvas.addEventListener(type, listener, { signal: this.#stop.signal, passive });
    on('pointerdown', (event) => this.#pointerDown(event));
    on('pointermove', (event) => this.#pointerMove(event));
    on('pointerup', (event) => this.#pointerUp(event));
    on('pointercancel', (event) => void this.#down.delete(event.pointerId));
    on('pointerleave', () => this.#hover(undefined));
    on('dblclick', (event) => gestures.zoomTo(this.#pointOf(event)));
    on('wheel', (event) => this.#wheel(event), false);
    on('keydown', (event) => this.#keyDown(event), false);
  }

  close(): void {
    this.#stop.abort();
  }

  #pointOf(event: MouseEvent): Point {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #pointerDown(event: PointerEvent): void {
    if (this.#down.size === 0) this.#travelled = 0;
    this.#down.set(event.pointerId, this.#pointOf(event));
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.classList.add('grabbed');
  }

  #pointerMove(event: PointerEvent): void {
    const point = this.#pointOf(event);
    const before = this.#down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === 'mouse') this.#hover(point);
      return;
    }
    const others = [...this.#down].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    this.#down.set(event.pointerId, point);
    this.#travelled += Math.hypot(point.x - before.x, point.y - before.y);
    const other = others[0];
    if (!other) {
      if (this.#travelled >= clickPixels) this.#gestures.pan(point.x - before.x, point.y - before.y);
      return;
    }
    const apart = (one: Point) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    this.#gestures.zoom(middle, apart(point) / apart(before));
    this.#gestures.pan((point.x - before.x) / 2, (point.y - before.y) / 2);
  }

  #pointerUp(event: PointerEvent): void {
    const point = this.#pointOf(event);
    const wasDown = this.#down.delete(event.pointerId);
    if (this.#down.size === 0) this.#canvas.classList.remove('grabbed');
    if (wasDown && this.#down.size === 0 && this.#travelled < clickPixels && event.button === 0)
      this.#gestures.choose(point);
  }

  #hover(point: Point | undefined): void {
    if (!this.#waiting && point) {
      requestAnimationFrame(() => {
        this.#gestures.hover(this.#waiting);
        this.#waiting = undefined;
      });
    }
    if (!point) this.#gestures.hover(undefined);
    this.#waiting = point;
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    // Browsers report pinching on a touchpad as a wheel with Ctrl and small steps.
    const speed = event.ctrlKey ? 0.01 : 0.0016;
    this.#gestures.zoom(this.#pointOf(event), Math.exp(-event.deltaY * lines * speed));
  }

  #keyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#gestures.key(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}
