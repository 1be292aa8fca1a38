/** Orders of channels that place similar channels together. */

import { PADDING } from "../../colour/bfloat16";
import type { Tensor } from "../../data/types";
import type { Grid } from "../../data/window";

export const ORDERS = ["norm", "lag", "correlation"] as const;
export type OrderName = (typeof ORDERS)[number];

/** An order, in both directions. */
export interface Order {
  /** The channel at each place. */
  channels: Uint32Array;
  /** The place of each channel. */
  places: Uint32Array;
}

type Groups = readonly (readonly [string, number])[] | null;

/** The input of an order: every cell of [channels, lags], with 0 for padding and values that are not finite. */
interface Rows {
  values: Float64Array;
  columns: number;
}

/** The formula of each order: the rows from `first` to `end`, ordered. */
const FORMULAS: Record<OrderName, (rows: Rows, first: number, end: number) => number[]> = {
  norm: (rows, first, end) => {
    const norms = range(first, end).map((row) => norm(rows, row));
    return range(first, end).sort((a, b) => norms[b - first] - norms[a - first] || a - b);
  },
  lag: (rows, first, end) => {
    const peaks = range(first, end).map((row) => peak(rows, row));
    return range(first, end).sort((a, b) => peaks[a - first] - peaks[b - first] || a - b);
  },
  correlation: bySimilarity,
};

const known = new WeakMap<Tensor, Map<string, Order>>();

/** `orderChannels` for an exact view by lag, kept with the view. */
export function sharedOrder(tensor: Tensor, groups: Groups, by: OrderName): Order {
  const orders = known.get(tensor) ?? new Map<string, Order>();
  known.set(tensor, orders);
  const order = orders.get(by) ?? orderChannels(tensor.values, tensor.codes, groups, by);
  orders.set(by, order);
  return order;
}

/**
 * An order of the channels of [channels, lags], within each channel group.
 *
 * norm: the largest L2 norm first. lag: by the lag of the largest magnitude, the latest timestep first.
 * correlation: similar channels are neighbours. Channels of zeros come last. Costs at most channels^2 * lags.
 */
export function orderChannels(
  values: Grid<Float32Array>,
  codes: Grid<Uint16Array>,
  groups: Groups,
  by: OrderName,
): Order {
  const rows: Rows = {
    values: Float64Array.from(values.values, (value, i) =>
      codes.values[i] === PADDING || !Number.isFinite(value) ? 0 : value,
    ),
    columns: values.columns,
  };
  const channels = new Uint32Array(values.rows);
  let first = 0;
  for (const [, size] of groups ?? [["", values.rows]]) {
    const end = Math.min(values.rows, first + Number(size));
    channels.set(FORMULAS[by](rows, first, end), first);
    first = end;
  }
  channels.set(range(first, values.rows), first);
  const places = new Uint32Array(channels.length);
  channels.forEach((channel, place) => {
    places[channel] = place;
  });
  return { channels, places };
}

function range(first: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
}

function norm({ values, columns }: Rows, row: number): number {
  let sum = 0;
  for (let i = row * columns; i < (row + 1) * columns; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** The column of the largest magnitude; beyond all columns if there is none. */
function peak({ values, columns }: Rows, row: number): number {
  let [largest, at] = [0, columns];
  for (let column = 0; column < columns; column++) {
    const magnitude = Math.abs(values[row * columns + column]);
    if (magnitude > largest) [largest, at] = [magnitude, column];
  }
  return at;
}

/** The number of levels of similarity. As sort keys they share a float64 with a pair's number. */
const LEVELS = 2 ** 20;

/**
 * A chain of rows in which neighbours are similar.
 *
 * It links the two chain ends that correlate best (Pearson), again and again, until one chain is left. This
 * is the greedy heuristic for a travelling salesman's path; see Johnson and McGeoch, 1997, who call it
 * "greedy edge".
 */
function bySimilarity(rows: Rows, first: number, end: number): number[] {
  const alive = range(first, end).filter((row) => norm(rows, row) > 0);
  const dead = range(first, end).filter((row) => norm(rows, row) === 0);
  const count = alive.length;
  const standard = alive.map((row) => standardised(rows, row));

  const pairs = new Float64Array((count * (count - 1)) / 2);
  let filled = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const dissimilarity = Math.round(((1 - dot(standard[i], standard[j])) / 2) * LEVELS);
      pairs[filled++] = (dissimilarity * count + i) * count + j;
    }
  }
  pairs.sort();

  const neighbours: number[][] = alive.map(() => []);
  const chain = range(0, count); // the chain of each row, named by one of its members
  const find = (row: number): number => {
    while (chain[row] !== row) {
      chain[row] = chain[chain[row]];
      row = chain[row];
    }
    return row;
  };
  for (const pair of pairs) {
    const j = pair % count;
    const i = Math.floor(pair / count) % count;
    if (neighbours[i].length > 1 || neighbours[j].length > 1 || find(i) === find(j)) continue;
    neighbours[i].push(j);
    neighbours[j].push(i);
    chain[find(i)] = find(j);
  }
  return [...walk(neighbours).map((i) => alive[i]), ...dead];
}

/** The rows along a chain, starting from the end with the lower number. */
function walk(neighbours: readonly number[][]): number[] {
  const line: number[] = [];
  let [before, at] = [-1, neighbours.findIndex((of) => of.length < 2)];
  while (at >= 0) {
    line.push(at);
    const next = neighbours[at].find((row) => row !== before) ?? -1;
    [before, at] = [at, next];
  }
  return line;
}

/** A row less its mean, scaled to length 1; zeros if it does not vary. */
function standardised({ values, columns }: Rows, row: number): Float64Array {
  const line = values.slice(row * columns, (row + 1) * columns);
  const mean = line.reduce((sum, value) => sum + value, 0) / columns;
  const centred = line.map((value) => value - mean);
  const length = Math.sqrt(dot(centred, centred));
  const varies = length > 1e-12 * Math.sqrt(dot(line, line)); // more than rounding errors
  return centred.map((value) => (varies ? value / length : 0));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
