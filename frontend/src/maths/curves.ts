/** Curves over timesteps, for many samples of many channels. No DOM. */

import { PADDING } from "../colour/bfloat16";
import { isOfMagnitudes, placer, type Scale } from "../colour/scale";
import type { Tensor } from "../data/types";
import { blockStart, blocksOf, type Window } from "../data/window";

/** Above this many curves, draw quantile bands. */
export const MOST_CURVES = 20;

/** The ends of the outer and the inner band, and the median between them. */
export const BAND_PROBABILITIES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** A half-open range. */
export type Range = [from: number, to: number];

/** One kept sample of a record, with the views that hold its channels. */
export interface Sampled {
  sample: number;
  views: readonly Tensor[];
}

/** A value that has a mark instead of a point. Exact zeros count on logarithmic scales. */
export type Special = "NaN" | "+Inf" | "−Inf" | "exact 0";

/** A channel's values; NaN where there is nothing to draw. `times` are timesteps, or the middles of blocks of them. */
export interface Trace {
  times: Float64Array;
  values: Float32Array;
  /** Where to draw which mark. */
  specials: readonly [time: number, what: Special][];
}

/** The trace of one channel in one sample. */
export interface Curve {
  sample: number;
  channel: number;
  trace: Trace;
}

/** Quantiles over the samples of one channel, an array for each of `BAND_PROBABILITIES`. */
export interface Band {
  channel: number;
  times: Float64Array;
  quantiles: Float32Array[];
}

/** The channels on the page that starts at about `first`, with `count` channels on a page. */
export function pageAt(first: number, count: number, [from, to]: Range): Range {
  const within = Math.min(Math.max(first, from), to - 1) - from;
  const start = from + Math.floor(within / count) * count;
  return [start, Math.min(to, start + count)];
}

/** The timesteps to show: the zoomed window, within the first `first` timesteps if that is set. */
export function spanOf(timesteps: number, first: number | null, window: Window | null): Range {
  const end = Math.min(timesteps, first ?? timesteps);
  if (!window) return [0, end];
  const cut: Range = [window.t0, Math.min(end, window.t1)];
  return cut[0] < cut[1] ? cut : [0, end];
}

/** The most cells to hold for all samples on the page together: about 100 MB. */
const MOST_CELLS = 2 ** 24;
/** A bound beyond the last timestep of any record. */
const END = 2 ** 30;

/**
 * What a page of plots needs of each of `samples` samples: a window, and how far to pool time so that all
 * fits.
 *
 * `timesteps` is null until some data of the record has arrived; from then on `span` is known too.
 */
export function neededOf(
  plots: Range,
  timesteps: number | null,
  span: Range | null,
  first: number | null,
  samples: number,
): { window: Window; pooled: { rows: number; columns: number } } {
  const [c0, c1] = plots;
  const rows = c1 - c0;
  const columns = Math.max(256, Math.floor(MOST_CELLS / (rows * Math.max(1, samples))));
  const end = Math.min(first ?? END, timesteps ?? END);
  const zoomed = span && (span[0] > 0 || span[1] < end);
  const [t0, t1] = zoomed && end > columns ? span : [0, first ?? END];
  return { window: { c0, c1, t0, t1 }, pooled: { rows, columns } };
}

/** Whether a view holds a channel by itself, not pooled with others. */
export function holds({ values }: Tensor, channel: number): boolean {
  const { c0, c1 } = values.window;
  return values.rows === c1 - c0 && channel >= c0 && channel < c1;
}

/** The view that holds a channel with the finest timesteps; null if none does. */
export function viewOf(views: readonly Tensor[], channel: number): Tensor | null {
  const fine = ({ values: { columns, window } }: Tensor) => columns / (window.t1 - window.t0);
  const [best = null] = views.filter((view) => holds(view, channel)).sort((a, b) => fine(b) - fine(a));
  return best;
}

/** The curve of a channel that `tensor` holds, over the timesteps in `span` that it has. */
export function traceOf({ values: grid, codes }: Tensor, channel: number, [from, to]: Range): Trace {
  const { c0, t0, t1 } = grid.window;
  if (Math.max(from, t0) >= Math.min(to, t1)) return NOTHING;
  const blocks = blocksOf(grid, { ...grid.window, t0: Math.max(from, t0), t1: Math.min(to, t1) });
  const base = (channel - c0) * grid.columns + blocks.t0;
  const values = grid.values.slice(base, base + blocks.t1 - blocks.t0);
  const start = (block: number) => t0 + blockStart(block, t1 - t0, grid.columns);
  const times = new Float64Array(values.length);
  const specials: [number, Special][] = [];
  for (let i = 0; i < values.length; i++) {
    times[i] = (start(blocks.t0 + i) + start(blocks.t0 + i + 1) - 1) / 2;
    if (Number.isFinite(values[i])) continue;
    if (codes.values[base + i] !== PADDING) specials.push([times[i], specialAt(values[i])]);
    values[i] = Number.NaN;
  }
  return { times, values, specials };
}

const NOTHING: Trace = { times: new Float64Array(), values: new Float32Array(), specials: [] };

/** The curves of some channels, for every sample that holds them. On logarithmic scales they are magnitudes. */
export function curvesOf(
  samples: readonly Sampled[],
  channels: readonly number[],
  span: Range,
  scale: Scale,
): Curve[] {
  return channels.flatMap((channel) =>
    samples.flatMap(({ sample, views }) => {
      const view = viewOf(views, channel);
      return view ? [{ sample, channel, trace: drawnOn(traceOf(view, channel, span), scale) }] : [];
    }),
  );
}

/** The bands of each channel among some curves. */
export function bandsOf(curves: readonly Curve[]): Band[] {
  return [...new Set(curves.map(({ channel }) => channel))].map((channel) => {
    const traces = curves.filter((curve) => curve.channel === channel).map(({ trace }) => trace);
    return { channel, times: traces[0].times, quantiles: quantilesOf(traces.map(({ values }) => values)) };
  });
}

/**
 * The quantiles at each timestep of curves over the same timesteps, an array for each of
 * `BAND_PROBABILITIES`.
 *
 * They are linear between ranks, as NumPy's, and NaN where no curve has a value.
 */
export function quantilesOf(curves: readonly Float32Array[]): Float32Array[] {
  const length = Math.max(0, ...curves.map((curve) => curve.length));
  const bands = BAND_PROBABILITIES.map(() => new Float32Array(length).fill(Number.NaN));
  const there = new Float32Array(curves.length);
  for (let i = 0; i < length; i++) {
    let count = 0;
    for (const curve of curves) {
      if (!Number.isNaN(curve[i] ?? Number.NaN)) there[count++] = curve[i];
    }
    if (count === 0) continue;
    const sorted = there.subarray(0, count).sort();
    BAND_PROBABILITIES.forEach((probability, band) => {
      const rank = probability * (count - 1);
      const below = Math.floor(rank);
      const above = Math.min(count - 1, below + 1);
      bands[band][i] = sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    });
  }
  return bands;
}

/** The indices in `values` that a path of so many pixels must pass: the extremes within each pixel, and its gaps. */
export function thinned(values: Float32Array, pixels: number): number[] {
  if (values.length <= 2 * pixels) return Array.from(values, (_, i) => i);
  const places: number[] = [];
  for (let pixel = 0; pixel < pixels; pixel++) {
    const from = blockStart(pixel, values.length, pixels);
    const to = blockStart(pixel + 1, values.length, pixels);
    let [least, greatest] = [from, from];
    for (let i = from + 1; i < to; i++) {
      if (values[i] < values[least] || Number.isNaN(values[least])) least = i;
      if (values[i] > values[greatest] || Number.isNaN(values[greatest])) greatest = i;
    }
    places.push(Math.min(least, greatest));
    if (least !== greatest) places.push(Math.max(least, greatest));
  }
  return places;
}

/** A trace as the scale draws it. On some scales it holds magnitudes, so that quantiles are taken of those. */
export function drawnOn(trace: Trace, scale: Scale): Trace {
  if (!isOfMagnitudes(scale)) return trace;
  if (scale.name === "abs") return { ...trace, values: trace.values.map(Math.abs) };
  const specials = [...trace.specials];
  const values = trace.values.map((value, i) => {
    if (value === 0) specials.push([trace.times[i], "exact 0"]);
    return Math.abs(value) || Number.NaN;
  });
  return { ...trace, values, specials };
}

/** Whether a value has a point on the scale: 0 has no logarithm. */
export function isDrawn(value: number, scale: Scale): boolean {
  return Number.isFinite(value) && !(scale.name === "log" && value === 0);
}

/** The shared scale adapted to one plot: its ends are the plot's own and include 0, and it spans as many decades. */
export function freeScale(shared: Scale, curves: readonly Curve[]): Scale {
  const [least, greatest] = rangeOf(curves) ?? [0, 0];
  const [low, high] = [Math.min(0, least), Math.max(0, greatest)];
  const magnitude = Math.max(-low, high);
  if (magnitude === 0) return shared;
  const threshold = (shared.threshold / Math.max(shared.high, -shared.low)) * magnitude;
  if (shared.name === "log") return { ...shared, low: threshold, high: magnitude, threshold };
  return { ...shared, low, high, threshold };
}

/** The curve that passes nearest to a place of the scale at a timestep; null if there is none. */
export function nearestCurve(
  curves: readonly Curve[],
  timestep: number,
  place: number,
  scale: Scale,
): Curve | null {
  const placed = placer(scale);
  let [nearest, least]: [Curve | null, number] = [null, Number.POSITIVE_INFINITY];
  for (const curve of curves) {
    const value = valueAtTime(curve.trace, timestep);
    const distance = isDrawn(value, scale) ? Math.abs(placed(value) - place) : Number.POSITIVE_INFINITY;
    if (distance < least) [nearest, least] = [curve, distance];
  }
  return nearest;
}

/** The value of a trace at the time nearest to a timestep. */
export function valueAtTime({ times, values }: Trace, timestep: number): number {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] + times[middle + 1]) / 2 < timestep) low = middle + 1;
    else high = middle;
  }
  return values[low] ?? Number.NaN;
}

function specialAt(value: number): Special {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "−Inf";
}

/** How many values of some curves have a mark instead of a point, in words; empty if none has. */
export function specialWords(curves: readonly Curve[]): string {
  const counts: Record<Special, number> = { NaN: 0, "+Inf": 0, "−Inf": 0, "exact 0": 0 };
  for (const { trace } of curves) for (const [, what] of trace.specials) counts[what]++;
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
    .join(", ");
}

/** The least and the greatest value of some curves; null if they have none. */
export function rangeOf(curves: readonly Curve[]): Range | null {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { trace } of curves) {
    for (const value of trace.values) {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  return least <= greatest ? [least, greatest] : null;
}

/** The quantiles of some values, as NumPy computes them, each with its probability. */
export function quantileWords(values: readonly number[], word: (value: number) => string): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return "no value here";
  const quantiles = quantilesOf(finite.map((value) => Float32Array.of(value)));
  const named = quantiles.map(([value], i) => `${Math.round(100 * BAND_PROBABILITIES[i])} % ${word(value)}`);
  return `of ${finite.length} samples: ${named.join(", ")}`;
}
