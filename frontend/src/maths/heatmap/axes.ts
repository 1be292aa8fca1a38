/** Where cells lie in a picture, whichever way round its axes are. */

import { integerTicks } from "../../colour/ticks";
import type { Window } from "../../data/window";
import type { Order } from "./order";

/** Timesteps (or lags) and channels. */
export type Dimension = "t" | "c";

/** What the axes of a record are called. */
export interface AxisNames {
  timesteps: string;
  channels: string;
  /** What each cell of the first is called by, such as the timesteps of chosen rows; absent: its own number. */
  numbers?: readonly number[];
  /** What the cells hold, where the name of the quantity does not say all of it. */
  values?: string;
}

/** A value for each dimension. */
export type Pair = Record<Dimension, number>;

/** What stands upright: its cells lie one below the other. */
export const UPRIGHT = ["channels", "timesteps"] as const;
export type Upright = (typeof UPRIGHT)[number];

/** One axis: places in a row, and a cell (a timestep, a lag, a channel) at each. Windows are of places. */
export class Axis {
  constructor(
    readonly dimension: Dimension,
    /** The places seen, half-open. */
    readonly from: number,
    readonly to: number,
    /** In pixels. */
    readonly length: number,
    /** Whether the first place lies at the far end: lag 0 does, so that time runs on as ever. */
    readonly turned = false,
    /** Null: each cell has the place of its number. */
    readonly order: Order | null = null,
  ) {}

  cellOf(place: number): number {
    return this.order ? this.order.channels[place] : place;
  }

  /** A cell of no place (another record may have more of them) stays beyond all. */
  placeOf(cell: number): number {
    return this.order?.places[cell] ?? cell;
  }

  /** Pixel of a place, or of what lies between two. */
  at(place: number): number {
    const passed = this.turned ? this.to - place : place - this.from;
    return (passed / (this.to - this.from)) * this.length;
  }

  /** Pixel of a cell's middle; null where it is not seen. */
  middle(cell: number): number | null {
    const place = this.placeOf(cell);
    return place >= this.from && place < this.to ? this.at(place + 0.5) : null;
  }

  /** Pixels that places `from` to `to` (half-open) cover, least first. */
  span(from: number, to: number): [number, number] {
    const [one, other] = [this.at(from), this.at(to)];
    return one < other ? [one, other] : [other, one];
  }

  /** The place under a pixel; beyond the ends, the last there. */
  placeAt(pixel: number): number {
    const share = Math.min(1, Math.max(0, pixel / this.length));
    const place = Math.floor(this.from + (this.turned ? 1 - share : share) * (this.to - this.from));
    return Math.min(this.to - 1, place);
  }

  /** The cell so many cells further right, or down; within what is seen. */
  beside(cell: number, by: number): number {
    const place = this.placeOf(cell) + (this.turned ? -by : by);
    return this.cellOf(Math.min(this.to - 1, Math.max(this.from, place)));
  }

  /** Cells at nice places, at most one for each `gap` pixels, and where they lie. */
  ticks(gap: number): { cell: number; at: number }[] {
    return integerTicks(this.from, this.to, this.length / gap).map((place) => ({
      cell: this.cellOf(place),
      at: this.at(place + 0.5),
    }));
  }
}

/** Both axes of a picture, by where they lie and by what they carry. */
export interface Layout {
  across: Axis;
  down: Axis;
  t: Axis;
  c: Axis;
}

/** How cells are laid out. */
export interface Arranged {
  upright: Upright;
  /** Whether time is counted as lags. */
  byLag: boolean;
  order: Order | null;
}

export function layoutOf(window: Window, width: number, height: number, arranged: Arranged): Layout {
  const { upright, byLag, order } = arranged;
  const [along, over] = upright === "channels" ? [width, height] : [height, width];
  const t = new Axis("t", window.t0, window.t1, along, byLag);
  const c = new Axis("c", window.c0, window.c1, over, false, order);
  return upright === "channels" ? { across: t, down: c, t, c } : { across: c, down: t, t, c };
}

/** The part of a record's time that a window shows, once time is counted the other way round. */
export function turnedWindow(window: Window, timesteps: number): Window {
  return { ...window, t0: Math.max(0, timesteps - window.t1), t1: Math.max(1, timesteps - window.t0) };
}
