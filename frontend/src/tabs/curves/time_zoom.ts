/** Zooming curves, which zoom in time alone. */

import { type Cursor, emit } from "../../components/base/events";
import { CLICK_PIXELS, isZoomWheel, KEY_FACTOR, WHEEL_FACTOR } from "../../components/heatmap/gestures";
import type { Window } from "../../data/window";
import type { Range } from "../../maths/curves";
import { box, pan, unlessWhole, zoom } from "../../maths/heatmap/zoom";

/** What the gestures zoom. */
export interface Zoomed extends EventTarget {
  readonly whole: Window;
  readonly window: Window | null;
  readonly cursor: Cursor | null;
}

export function zoomByWheel(event: WheelEvent, of: Zoomed): void {
  if (!isZoomWheel(event)) return;
  event.preventDefault();
  zoomTime(of, WHEEL_FACTOR ** (event.deltaY || event.deltaX));
}

/** What each key does. */
export function zoomKeys(of: Zoomed): Record<string, () => void> {
  return {
    "+": () => zoomTime(of, KEY_FACTOR),
    "-": () => zoomTime(of, 1 / KEY_FACTOR),
    "0": () => emit(of, "rg-set", { window: null }),
  };
}

/** Zoom about the timestep that is read, else about the middle. */
function zoomTime(of: Zoomed, factor: number): void {
  const { whole, cursor } = of;
  const window = of.window ?? whole;
  const centre = cursor?.t ?? Math.floor((window.t0 + window.t1) / 2);
  emit(of, "rg-set", { window: unlessWhole(zoom(window, whole, "t", factor, centre), whole) });
}

/** A plot that the user can drag over. */
export interface Dragged extends HTMLElement {
  readonly zoomed: Zoomed;
  /** The first and last timestep of the range being drawn, or null. */
  marked: Range | null;
  /** The timestep under the pointer. */
  timestepOf(event: MouseEvent): number;
}

/** Drag: zoom into a range of timesteps; Shift and drag: move; double click: show all. */
export class TimeDrag {
  private from: { event: PointerEvent; t: number; window: Window } | null = null;
  /** Whether the pointer moved too far for a click. The browser sends the click after the pointer went up. */
  dragged = false;

  constructor(private readonly plot: Dragged) {
    plot.addEventListener("pointerdown", this.onDown);
    plot.addEventListener("pointermove", this.onMove);
    plot.addEventListener("pointerup", this.onUp);
    plot.addEventListener("pointercancel", this.onCancel);
    plot.addEventListener("dblclick", () => emit(plot, "rg-set", { window: null }));
  }

  private readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const { plot } = this;
    plot.setPointerCapture(event.pointerId);
    this.from = { event, t: plot.timestepOf(event), window: plot.zoomed.window ?? plot.zoomed.whole };
    this.dragged = false;
  };

  private readonly onMove = (event: PointerEvent): void => {
    const { plot, from } = this;
    if (!from) return;
    if (Math.abs(event.clientX - from.event.clientX) > CLICK_PIXELS) this.dragged = true;
    if (!this.dragged) return;
    const t = plot.timestepOf(event);
    if (!from.event.shiftKey) plot.marked = [from.t, t];
    else this.show(pan(from.window, plot.zoomed.whole, "t", plot.timestepOf(from.event) - t));
  };

  private readonly onUp = (): void => {
    const { marked, zoomed } = this.plot;
    if (marked && this.from) {
      const { c0, c1 } = this.from.window;
      this.show(box({ t: marked[0], c: c0 }, { t: marked[1], c: c1 - 1 }, zoomed.whole));
    }
    this.onCancel();
  };

  private readonly onCancel = (): void => {
    this.from = null;
    this.plot.marked = null;
  };

  private show(window: Window): void {
    emit(this.plot, "rg-set", { window: unlessWhole(window, this.plot.zoomed.whole) });
  }
}
