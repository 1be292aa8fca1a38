/** Zooming into timesteps where nothing else is zoomed: of curves. */

import type { Window } from "../data/pool";
import { kept, zoom } from "../views/zoom";
import { type Cursor, tell } from "./events";
import { isZoomWheel, KEY_FACTOR, WHEEL_FACTOR } from "./heatmap_gestures";

/** What is zoomed. */
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

/** What keys do, by their names. */
export function zoomKeys(of: Zoomed): Record<string, () => void> {
  return {
    "+": () => zoomTime(of, KEY_FACTOR),
    "-": () => zoomTime(of, 1 / KEY_FACTOR),
    "0": () => tell(of, "rg-set", { window: null }),
  };
}

/** About the timestep that is read, else about the middle. */
function zoomTime(of: Zoomed, factor: number): void {
  const { whole, cursor } = of;
  const window = of.window ?? whole;
  const centre = cursor?.t ?? Math.floor((window.t0 + window.t1) / 2);
  tell(of, "rg-set", { window: kept(zoom(window, whole, "t", factor, centre), whole) });
}
