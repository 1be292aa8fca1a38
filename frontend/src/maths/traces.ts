/** Lines over training: one for a run, the mean and band of a group of runs, the median and band of many. */

import type { KeptStep } from "../data/types";
import { placeOn, type XAxis } from "./over_training";

/** Numbers at ascending places of an axis over training; null where there is none to draw. */
export interface Trace {
  label: string;
  colour: string;
  dash: number[];
  xs: readonly number[];
  /** The training steps there, for a single run. */
  steps?: readonly number[];
  values: (number | null)[];
  band?: { low: (number | null)[]; high: (number | null)[] };
}

/** Numbers at logged steps, placed on an axis. `start` is when their run began. */
export function traceOn(
  axis: XAxis,
  start: number,
  kept: readonly KeptStep[],
  { values, band, ...looks }: Omit<Trace, "xs" | "steps">,
): Trace {
  const places = kept.map((step) => placeOn(axis, step, start));
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]); // clocks may be set back
  const sorted = <Value>(of: readonly Value[]) => order.map((i) => of[i]);
  return {
    ...looks,
    xs: sorted(places),
    steps: sorted(kept.map(([step]) => step)),
    values: sorted(values),
    ...(band && { band: { low: sorted(band.low), high: sorted(band.high) } }),
  };
}

/** Above this many lines, the eye cannot tell them apart. */
export const CROWD = 12;
/** Of that many lines, draw this many of the first. */
const CHOSEN = 3;

/** Every place of any of the traces, ascending. */
export function unionOf(traces: readonly { xs: readonly number[] }[]): number[] {
  return [...new Set(traces.flatMap(({ xs }) => xs))].sort((a, b) => a - b);
}

/**
 * The value at a place, interpolated between two known ones; null before the first, after the last, and
 * beside a gap.
 */
export function valueAt({ xs, values }: Pick<Trace, "xs" | "values">, x: number): number | null {
  let low = 0;
  let high = xs.length - 1;
  if (high < 0 || x < xs[0] || x > xs[high]) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  if (xs[high] === x) return values[high];
  const [before, after] = [values[low], values[high]];
  if (xs[low] === x) return before;
  if (before === null || after === null) return null;
  return before + ((x - xs[low]) / (xs[high] - xs[low])) * (after - before);
}

/** The mean of several traces at every place of any, with a band from the least to the most. */
export function meanTrace(label: string, traces: readonly Trace[]): Trace {
  return summary(label, traces, {
    middle: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
    low: (values) => values[0],
    high: (values) => values[values.length - 1],
  });
}

/** Few traces as they are. Of many, the first ones, and the median and a band from 5 to 95 % of all. */
export function readable(traces: readonly Trace[], colour: string): Trace[] {
  if (traces.length <= CROWD) return [...traces];
  const crowd = summary(`all ${traces.length}: median, 5–95 %`, traces, {
    middle: (values) => quantile(values, 0.5),
    low: (values) => quantile(values, 0.05),
    high: (values) => quantile(values, 0.95),
  });
  return [{ ...crowd, colour, dash: [2, 3] }, ...traces.slice(0, CHOSEN)];
}

interface Summary {
  middle: (ascending: readonly number[]) => number;
  low: (ascending: readonly number[]) => number;
  high: (ascending: readonly number[]) => number;
}

function summary(label: string, traces: readonly Trace[], of: Summary): Trace {
  const xs = unionOf(traces);
  const found = xs.map((x) =>
    traces
      .map((trace) => valueAt(trace, x))
      .filter((value) => value !== null)
      .sort((a, b) => a - b),
  );
  const each = (take: Summary["middle"]) => found.map((values) => (values.length ? take(values) : null));
  const [{ colour, dash }] = traces;
  return {
    label,
    colour,
    dash,
    xs,
    values: each(of.middle),
    band: { low: each(of.low), high: each(of.high) },
  };
}

/** The smallest value that at least this share of the values does not exceed. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)];
}

/** Values of a trace at all places of an axis; undefined where the line continues to its next value. */
export function placed<Value>(
  xs: readonly number[],
  values: readonly Value[],
  axis: ReadonlyMap<number, number>,
): (Value | undefined)[] {
  const found: (Value | undefined)[] = new Array(axis.size).fill(undefined);
  xs.forEach((x, i) => {
    found[axis.get(x) as number] = values[i];
  });
  return found;
}
