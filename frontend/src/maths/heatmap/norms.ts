/** Norms of a view's rows and columns, its marginals. */

import type { Grid, Window } from "../../data/window";
import { blocksOf } from "../../data/window";
import type { Order } from "./order";

export interface Norms {
  /** The L2 norm of each shown row of blocks over the columns; `columns` is the reverse. */
  rows: Float64Array;
  columns: Float64Array;
}

/**
 * The L2 norms over the blocks of `window`, of finite values alone; NaN if a row or column has none.
 *
 * With an order, the window and the rows are places. Of pooled blocks the norms are those of the blocks'
 * largest values, a lower bound of the cells' norms.
 */
export function norms(values: Grid<Float32Array>, window: Window, order: Order | null = null): Norms {
  const { c0, c1, t0, t1 } = blocksOf(values, window);
  const rows = new Float64Array(c1 - c0).fill(Number.NaN);
  const columns = new Float64Array(t1 - t0).fill(Number.NaN);
  for (let c = c0; c < c1; c++) {
    const base = (order ? order.channels[c] : c) * values.columns;
    let sum = Number.NaN;
    for (let t = t0; t < t1; t++) {
      const square = values.values[base + t] ** 2;
      if (!(square < Number.POSITIVE_INFINITY)) continue; // skips padding too, which is NaN
      sum = (sum || 0) + square;
      columns[t - t0] = (columns[t - t0] || 0) + square;
    }
    rows[c - c0] = sum;
  }
  return { rows: rows.map(Math.sqrt), columns: columns.map(Math.sqrt) };
}

/** Places from 0 to 1 of norms on a log axis from `least` to `most`; null for a norm without a place. */
export function logPlaces(values: Float64Array, least: number, most: number): (number | null)[] {
  const base = Math.log(least);
  const span = Math.log(most) - base || 1;
  return Array.from(values, (value) =>
    value > 0 ? Math.min(1, Math.max(0, (Math.log(value) - base) / span)) : null,
  );
}

/** The ends of a log axis for positive values, at most `decades` apart; null if none is positive. */
export function logEnds(values: Float64Array, decades: number): [number, number] | null {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0) return null;
  const most = positive.reduce((a, b) => Math.max(a, b));
  const least = positive.reduce((a, b) => Math.min(a, b));
  return [Math.min(most / 10, Math.max(least, most * 10 ** -decades)), most];
}
