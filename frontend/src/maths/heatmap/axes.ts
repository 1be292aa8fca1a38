/** Where cells lie in a picture, in either orientation of its axes. */

import { integerTicks } from "../../colour/ticks";
import type { Window } from "../../data/window";
import type { Order } from "./order";

/** Timesteps (or lags) and channels. */
export type Dimension = "t" | "c";

/** The names of a record's axes. */
export interface AxisNames {
  timesteps: string;
  channels: string;
  /** The numbers that name the cells of the first axis, such as the timesteps of chosen rows; absent for their own. */
  numbers?: readonly number[];
  /** What the cells hold, if the name of the quantity does not say all of it. */
  values?: string;
}

/** A value for each dimension. */
export type Pair = Record<Dimension, number>;

/** What can be vertical: its cells lie one below the other. */
export const ORIENTATIONS = ["channels", "timesteps"] as const;
export type Orientation = (typeof ORIENTATIONS)[number];

/** One axis: a row of places, with a cell (a timestep, a lag, a channel) at each. Windows hold places. */
export class Axis {
  constructor(
    readonly dimension: Dimension,
    /** The visible places, half-open. */
    readonly from: number,
    readonly to: number,
    /** The length in pixels. */
    readonly length: number,
    /** Whether the first place lies at the far end. Lag 0 does, so that time keeps its direction. */
    readonly turned = false,
    /** The order of the cells; null if each cell's place is its number. */
    readonly order: Order | null = null,
  ) {}

  cellOf(place: number): number {
    return this.order ? this.order.channels[place] : place;
  }

  /** The place of a cell. A cell without one (another record may have more cells) is beyond all places. */
  placeOf(cell: number): number {
    return this.order?.places[cell] ?? cell;
  }

  /** The pixel of a place, or of a point between two places. */
  at(place: number): number {
    const passed = this.turned ? this.to - place : place - this.from;
    return (passed / (this.to - this.from)) * this.length;
  }

  /** The pixel of a cell's middle; null if it is not visible. */
  middle(cell: number): number | null {
    const place = this.placeOf(cell);
    return place >= this.from && place < this.to ? this.at(place + 0.5) : null;
  }

  /** The pixels that places `from` to `to` (half-open) cover, the smaller first. */
  span(from: number, to: number): [number, number] {
    const [one, other] = [this.at(from), this.at(to)];
    return one < other ? [one, other] : [other, one];
  }

  /** The place under a pixel. Beyond the ends it is the last place there. */
  placeAt(pixel: number): number {
    const share = Math.min(1, Math.max(0, pixel / this.length));
    const place = Math.floor(this.from + (this.turned ? 1 - share : share) * (this.to - this.from));
    return Math.min(this.to - 1, place);
  }

  /** The cell so many cells further right or down, within the visible ones. */
  beside(cell: number, by: number): number {
    const place = this.placeOf(cell) + (this.turned ? -by : by);
    return this.cellOf(Math.min(this.to - 1, Math.max(this.from, place)));
  }

  /** Cells at round places, at most one per `gap` pixels, with their pixels. */
  ticks(gap: number): { cell: number; at: number }[] {
    return integerTicks(this.from, this.to, this.length / gap).map((place) => ({
      cell: this.cellOf(place),
      at: this.at(place + 0.5),
    }));
  }
}

/** Both axes of a picture, by their position and by their dimension. */
export interface Layout {
  across: Axis;
  down: Axis;
  t: Axis;
  c: Axis;
}

/** How cells are arranged. */
export interface Arranged {
  orientation: Orientation;
  /** Whether time is counted as lags. */
  byLag: boolean;
  order: Order | null;
}

export function layoutOf(window: Window, width: number, height: number, arranged: Arranged): Layout {
  const { orientation, byLag, order } = arranged;
  const [along, over] = orientation === "channels" ? [width, height] : [height, width];
  const t = new Axis("t", window.t0, window.t1, along, byLag);
  const c = new Axis("c", window.c0, window.c1, over, false, order);
  return orientation === "channels" ? { across: t, down: c, t, c } : { across: c, down: t, t, c };
}

/** The window on the same part of a record when time is counted the other way. */
export function turnedWindow(window: Window, timesteps: number): Window {
  return { ...window, t0: Math.max(0, timesteps - window.t1), t1: Math.max(1, timesteps - window.t0) };
}
