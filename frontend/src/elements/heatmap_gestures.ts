/** What the pointer, the wheel and the keyboard do on a heatmap. */

import type { Window } from "../data/pool";
import { box, kept, pan, zoom } from "../views/zoom";
import { type Cursor, tell } from "./events";

export interface Cell {
  t: number;
  c: number;
}

/** What gestures need to know of a heatmap. */
export interface Plot extends EventTarget {
  window: Window;
  whole: Window;
  cursor: Cursor | null;
  cellAt(event: MouseEvent): Cell;
  /** The box being drawn, or null. */
  marked: [Cell, Cell] | null;
}

/** Pointer movements up to so many pixels are a click. */
const CLICK_PIXELS = 4;
const WHEEL_FACTOR = 1.0015;
const KEY_FACTOR = 0.7;

/**
 * Drag: zoom into a box; Shift and drag: move; Alt or Ctrl and wheel: zoom in time, with Shift in channels;
 * double click: all. Keys: see `onKey`.
 */
export class Gestures {
  private from: { event: PointerEvent; cell: Cell; window: Window; clicked: boolean } | null = null;

  constructor(private readonly plot: Plot) {}

  readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    (event.target as Element).setPointerCapture(event.pointerId);
    this.from = { event, cell: this.plot.cellAt(event), window: this.plot.window, clicked: true };
  };

  readonly onMove = (event: PointerEvent): void => {
    const { plot, from } = this;
    const cell = plot.cellAt(event);
    tell(plot, "rg-cursor", cell);
    if (!from) return;
    const distance = Math.hypot(event.offsetX - from.event.offsetX, event.offsetY - from.event.offsetY);
    if (distance > CLICK_PIXELS) from.clicked = false;
    if (from.clicked) return;
    if (from.event.shiftKey) this.drag(event);
    else plot.marked = [from.cell, cell];
  };

  readonly onUp = (): void => {
    const { plot, from } = this;
    this.from = null;
    if (!from) return;
    if (from.clicked) tell(plot, "rg-pin", from.cell);
    else if (plot.marked) this.show(box(...plot.marked, plot.whole));
    plot.marked = null;
  };

  readonly onCancel = (): void => {
    this.from = null;
    this.plot.marked = null;
  };

  readonly onLeave = (): void => {
    if (!this.from) tell(this.plot, "rg-cursor", null);
  };

  readonly onWheel = (event: WheelEvent): void => {
    if (!event.altKey && !event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const { t, c } = this.plot.cellAt(event);
    const turned = event.deltaY || event.deltaX; // Shift makes some browsers turn the wheel sideways
    this.zoomBy(event.shiftKey ? "c" : "t", WHEEL_FACTOR ** turned, event.shiftKey ? c : t);
  };

  /**
   * Arrows move the cursor, with Shift the window; + and - zoom in time, ] and [ in channels, 0 shows all;
   * Enter pins the channel.
   */
  readonly onKey = (event: KeyboardEvent): void => {
    const { plot } = this;
    const { t0, t1, c0, c1 } = plot.window;
    const at = { t: plot.cursor?.t ?? t0, c: plot.cursor?.c ?? c0 };
    const arrows: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const actions: Record<string, () => void> = {
      Enter: () => tell(plot, "rg-pin", at),
      "+": () => this.zoomBy("t", KEY_FACTOR, at.t),
      "-": () => this.zoomBy("t", 1 / KEY_FACTOR, at.t),
      "]": () => this.zoomBy("c", KEY_FACTOR, at.c),
      "[": () => this.zoomBy("c", 1 / KEY_FACTOR, at.c),
      "0": () => tell(plot, "rg-set", { window: null }),
      Escape: () => tell(plot, "rg-set", { window: null }),
    };
    if (event.key in arrows) {
      const [across, down] = arrows[event.key];
      if (event.shiftKey) this.move(across * Math.ceil((t1 - t0) / 8), down * Math.ceil((c1 - c0) / 8));
      else {
        const t = Math.min(t1 - 1, Math.max(t0, at.t + across));
        tell(plot, "rg-cursor", { t, c: Math.min(c1 - 1, Math.max(c0, at.c + down)) });
      }
    } else if (event.key in actions) actions[event.key]();
    else return;
    event.preventDefault();
  };

  /** Move so that the cell where the pointer went down follows it. */
  private drag(event: PointerEvent): void {
    const { plot, from } = this;
    if (!from) return;
    const [start, now] = [plot.cellAt(from.event), plot.cellAt(event)];
    const moved = pan(from.window, plot.whole, "t", start.t - now.t);
    this.show(pan(moved, plot.whole, "c", start.c - now.c));
  }

  private move(timesteps: number, channels: number): void {
    const { window, whole } = this.plot;
    this.show(pan(pan(window, whole, "t", timesteps), whole, "c", channels));
  }

  private zoomBy(axis: "t" | "c", factor: number, centre: number): void {
    this.show(zoom(this.plot.window, this.plot.whole, axis, factor, centre));
  }

  private show(window: Window): void {
    tell(this.plot, "rg-set", { window: kept(window, this.plot.whole) });
  }
}
