/** Zooming and panning: how gestures change a window of whole cells. */

import type { Window } from "../../data/window";

type Axis = "t" | "c";

/** The least number of cells on an axis. */
const LEAST = 2;

function range(window: Window, axis: Axis): [number, number] {
  return axis === "t" ? [window.t0, window.t1] : [window.c0, window.c1];
}

function withRange(window: Window, axis: Axis, [from, to]: [number, number]): Window {
  return axis === "t" ? { ...window, t0: from, t1: to } : { ...window, c0: from, c1: to };
}

/** A range of `span` cells that starts at about `from`, within the whole. */
function within(from: number, span: number, [least, most]: [number, number]): [number, number] {
  const cells = Math.min(most - least, Math.max(LEAST, Math.round(span)));
  const start = Math.min(most - cells, Math.max(least, Math.round(from)));
  return [start, start + cells];
}

/** The window with `factor` times the cells on an axis. The cell at `centre` keeps its position. */
export function zoom(window: Window, whole: Window, axis: Axis, factor: number, centre: number): Window {
  const [from, to] = range(window, axis);
  const before = to - from;
  let span = before * factor;
  if (Math.round(span) === before) span = factor < 1 ? before - 1 : before + 1;
  const share = (centre + 0.5 - from) / before;
  return withRange(window, axis, within(centre + 0.5 - share * span, span, range(whole, axis)));
}

/** The window moved by `cells` along an axis, as far as there is room. */
export function pan(window: Window, whole: Window, axis: Axis, cells: number): Window {
  const [from, to] = range(window, axis);
  return withRange(window, axis, within(from + cells, to - from, range(whole, axis)));
}

/** The window of a box, from one corner's cell to the other's. */
export function box(one: { t: number; c: number }, other: { t: number; c: number }, whole: Window): Window {
  const [t0, t1] = [Math.min(one.t, other.t), Math.max(one.t, other.t) + 1];
  const [c0, c1] = [Math.min(one.c, other.c), Math.max(one.c, other.c) + 1];
  const across = within(t0, t1 - t0, [whole.t0, whole.t1]);
  const down = within(c0, c1 - c0, [whole.c0, whole.c1]);
  return { c0: down[0], c1: down[1], t0: across[0], t1: across[1] };
}

/** The window to keep in the state; null if it is the whole. */
export function unlessWhole(window: Window, whole: Window): Window | null {
  const all = Object.keys(whole).every(
    (edge) => window[edge as keyof Window] === whole[edge as keyof Window],
  );
  return all ? null : window;
}
