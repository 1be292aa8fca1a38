/** What the pointer, the wheel and the keyboard do on a heatmap. */

import type { Window } from "../../data/window";
import type { Dimension, Layout, Pair } from "../../maths/heatmap/axes";
import { box, pan, unlessWhole, zoom } from "../../maths/heatmap/zoom";
import { type Cursor, emit } from "../base/events";

/** What gestures need to know about a heatmap. */
export interface Plot extends EventTarget {
  window: Window;
  whole: Window;
  cursor: Cursor | null;
  /** Where cells lie now. */
  layout: Layout;
  /** The places under the pointer. Windows hold places. */
  placeAt(event: MouseEvent): Pair;
  /** The number of the sample shown; undefined if the picture shows no single one. */
  sample: number | undefined;
  /** The box that the user is drawing, in places, or null. */
  marked: [Pair, Pair] | null;
}

/** Pointer movements of at most this many pixels count as a click. */
export const CLICK_PIXELS = 4;
export const WHEEL_FACTOR = 1.0015;
export const KEY_FACTOR = 0.7;

/** Whether a turn of the wheel zooms. Without one of these keys the page scrolls. */
export function isZoomWheel({ altKey, ctrlKey, metaKey }: WheelEvent): boolean {
  return altKey || ctrlKey || metaKey;
}

/**
 * Pointer and wheel gestures.
 *
 * Drag: zoom into a box; Shift and drag: move; Alt or Ctrl and wheel: zoom in time, with Shift in channels;
 * double click: show all. For keys see `onKey`.
 */
export class Gestures {
  private from: { event: PointerEvent; place: Pair; window: Window; clicked: boolean } | null = null;

  constructor(private readonly plot: Plot) {}

  readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    (event.target as Element).setPointerCapture(event.pointerId);
    this.from = { event, place: this.plot.placeAt(event), window: this.plot.window, clicked: true };
  };

  readonly onMove = (event: PointerEvent): void => {
    const { plot, from } = this;
    const place = plot.placeAt(event);
    emit(plot, "rg-cursor", { ...this.cell(place), s: plot.sample });
    if (!from) return;
    const distance = Math.hypot(event.offsetX - from.event.offsetX, event.offsetY - from.event.offsetY);
    if (distance > CLICK_PIXELS) from.clicked = false;
    if (from.clicked) return;
    if (from.event.shiftKey) this.drag(event);
    else plot.marked = [from.place, place];
  };

  readonly onUp = (): void => {
    const { plot, from } = this;
    this.from = null;
    if (!from) return;
    if (from.clicked) emit(plot, "rg-pin", this.cell(from.place));
    else if (plot.marked) this.show(box(...plot.marked, plot.whole));
    plot.marked = null;
  };

  readonly onCancel = (): void => {
    this.from = null;
    this.plot.marked = null;
  };

  readonly onLeave = (): void => {
    if (!this.from) emit(this.plot, "rg-cursor", null);
  };

  readonly onWheel = (event: WheelEvent): void => {
    if (!isZoomWheel(event)) return;
    event.preventDefault();
    const { t, c } = this.plot.placeAt(event);
    const turned = event.deltaY || event.deltaX; // with Shift some browsers turn the wheel sideways
    this.zoomBy(event.shiftKey ? "c" : "t", WHEEL_FACTOR ** turned, event.shiftKey ? c : t);
  };

  /**
   * Arrows move the cursor, with Shift the window. + and - zoom in time, ] and [ in channels; 0 shows all;
   * Enter pins the channel.
   */
  readonly onKey = (event: KeyboardEvent): void => {
    const { plot } = this;
    const { across, down } = plot.layout;
    const { t0, c0 } = plot.window;
    const first = this.cell({ t: t0, c: c0 });
    const at = { t: plot.cursor?.t ?? first.t, c: plot.cursor?.c ?? first.c };
    const place = (dimension: Dimension) => plot.layout[dimension].placeOf(at[dimension]);
    const arrows: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const actions: Record<string, () => void> = {
      Enter: () => emit(plot, "rg-pin", at),
      "+": () => this.zoomBy("t", KEY_FACTOR, place("t")),
      "-": () => this.zoomBy("t", 1 / KEY_FACTOR, place("t")),
      "]": () => this.zoomBy("c", KEY_FACTOR, place("c")),
      "[": () => this.zoomBy("c", 1 / KEY_FACTOR, place("c")),
      "0": () => emit(plot, "rg-set", { window: null }),
      Escape: () => emit(plot, "rg-set", { window: null }),
    };
    if (event.key in arrows) {
      const [right, below] = arrows[event.key];
      if (event.shiftKey) this.move(right, below);
      else {
        const cursor = { ...at, s: plot.sample };
        cursor[across.dimension] = across.beside(at[across.dimension], right);
        cursor[down.dimension] = down.beside(at[down.dimension], below);
        emit(plot, "rg-cursor", cursor);
      }
    } else if (event.key in actions) actions[event.key]();
    else return;
    event.preventDefault();
  };

  /** The cell at a pair of places: its timestep or lag, and its channel. */
  private cell({ t, c }: Pair): Pair {
    const { layout } = this.plot;
    return { t: layout.t.cellOf(t), c: layout.c.cellOf(c) };
  }

  /** Move the window so that the cell under the pointer when it went down follows the pointer. */
  private drag(event: PointerEvent): void {
    const { plot, from } = this;
    if (!from) return;
    const [start, now] = [plot.placeAt(from.event), plot.placeAt(event)];
    const moved = pan(from.window, plot.whole, "t", start.t - now.t);
    this.show(pan(moved, plot.whole, "c", start.c - now.c));
  }

  /** Move by an eighth of the window: right and down, or back. */
  private move(right: number, below: number): void {
    const { layout, window, whole } = this.plot;
    const cells = ({ from, to, turned }: Layout["t"], by: number) =>
      (turned ? -by : by) * Math.ceil((to - from) / 8);
    const { across, down } = layout;
    const moved = pan(window, whole, across.dimension, cells(across, right));
    this.show(pan(moved, whole, down.dimension, cells(down, below)));
  }

  private zoomBy(axis: "t" | "c", factor: number, centre: number): void {
    this.show(zoom(this.plot.window, this.plot.whole, axis, factor, centre));
  }

  private show(window: Window): void {
    emit(this.plot, "rg-set", { window: unlessWhole(window, this.plot.whole) });
  }
}
