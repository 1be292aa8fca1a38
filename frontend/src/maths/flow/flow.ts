/** Gradient flow: from the statistics per step and timestep to what the page draws. */

import type { Extent } from "../../colour/scale";
import { short } from "../../colour/ticks";
import { nearestStep } from "../../data/series";
import { judgesSamples, type QUANTILES } from "../../data/statistics";
import type { Flow, KeptStep } from "../../data/types";
import { exponentialFit, largestGain, lastReached, memoryHorizon } from "./metrics";

export const FLOW_AXES = ["timestep", "lag"] as const;
export type FlowAxis = (typeof FLOW_AXES)[number];

/**
 * The norms along each axis, and the number of real samples there. Quantiles over samples exist for timesteps
 * alone.
 */
export const OF_AXIS: Record<FlowAxis, { norm: string; real: string; band: [string, string] | null }> = {
  timestep: { norm: "norm_mean", real: "real_samples", band: ["norm_p05", "norm_p95"] },
  lag: { norm: "lag_norm_mean", real: "lag_real_samples", band: null },
};

const unlogged = new WeakMap<Flow, Float32Array>();

/** One statistic of every step, [steps, timesteps]; all NaN if the log does not hold it. */
export function statistic(flow: Flow, name: string): Float32Array {
  const column = flow.columns[name] ?? unlogged.get(flow);
  if (column) return column;
  const nothing = new Float32Array(flow.steps.length * flow.timesteps).fill(Number.NaN);
  unlogged.set(flow, nothing);
  return nothing;
}

/** A statistic at one step, by timestep or lag. */
export function statisticAtStep(flow: Flow, name: string, step: number): Float32Array {
  return statistic(flow, name).subarray(step * flow.timesteps, (step + 1) * flow.timesteps);
}

/** The statistics that `extentOverSteps` reads. */
export const EXTENT = ["max_abs", "rms"];

/** Stands for statistics that were not logged. */
const NOTHING = new Float32Array();

/** The extent of a colour range over all steps: no single value of any step exceeds it. */
export function extentOverSteps(flow: Flow): Extent {
  const positive = (name: string) =>
    (flow.columns[name] ?? NOTHING).filter((value) => value > 0 && Number.isFinite(value));
  const magnitude = positive("max_abs").reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const small = positive("rms").reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return {
    least: -magnitude,
    greatest: magnitude,
    magnitude: Number.isFinite(magnitude) ? magnitude : Number.NaN,
    small: Number.isFinite(small) ? small : Number.NaN,
  };
}

/** A number of each sample, as quantiles over samples at each step: 5 %, the median and 95 %. */
export type Spread = Record<(typeof QUANTILES)[number], Float64Array>;

/**
 * A number with its spread: from 5 to 95 % over the samples of a batch, or from least to most over the runs
 * of a group.
 */
export interface Middle {
  low: number;
  mid: number;
  high: number;
}

/** What the samples' own norms by lag say, a number for each step; NaN if unknown. */
export interface StepMetrics {
  /** The share of its own largest norm that a sample keeps at its far end. */
  farEnd: Spread;
  halfLife: Spread;
  /** R² of the median sample's fit. */
  r2: Float64Array;
  gain: Spread;
  /** The largest lag at which samples agree more than they differ. */
  snrHorizon: Spread;
  /** How many samples could be judged, and how many of those have a half-life and a gain. */
  samples: Float64Array;
  fitted: Float64Array;
  gained: Float64Array;
  /** The largest lag of the sample of median length. */
  lags: Float64Array;
  /** By what factor the norm grows on its way back: for the median sample, and for the worst one with its place. */
  growth: Float64Array;
  worst: { sample: Float64Array; growth: Float64Array; lag: Float64Array };
  /** How many samples exceed the thresholds in force when they were logged. */
  exploding: Float64Array;
  vanishing: Float64Array;
  stops: Stops;
}

/** Where the gradients of samples stop in exact zeros before the far end; NaN if unknown. */
export interface Stops {
  samples: Float64Array;
  /** The number of timesteps before the stop, if all agree, of how many in the longest of these samples. */
  lag: Float64Array;
  length: Float64Array;
  /** At how many lags at least there is gradient. */
  span: Float64Array;
  /** How many times the smallest number of its dtype the next norm should have been, at least. */
  margin: Float64Array;
}

/** Whether a log is older than the judging of single samples. If so, the mean norm is judged where possible. */
export function isEarlier(flow: Flow): boolean {
  return !judgesSamples(Object.keys(flow.columns));
}

export function stepMetrics(flow: Flow): StepMetrics {
  const of = (name: string) =>
    Float64Array.from(flow.steps, (_, step) => flow.batch[name]?.[step] ?? Number.NaN);
  const spread = (name: string): Spread => ({
    p05: of(`${name}_p05`),
    p50: of(`${name}_p50`),
    p95: of(`${name}_p95`),
  });
  const found: StepMetrics = {
    farEnd: spread("far_end"),
    halfLife: spread("half_life"),
    r2: of("half_life_r2_p50"),
    gain: spread("largest_gain"),
    snrHorizon: spread("snr_horizon"),
    samples: of("horizon_samples"),
    fitted: of("half_life_samples"),
    gained: of("gain_samples"),
    lags: of("lags_p50"),
    growth: of("growth_p50"),
    worst: { sample: of("growth_sample"), growth: of("growth_max"), lag: of("growth_lag") },
    exploding: of("exploding_samples"),
    vanishing: of("vanishing_samples"),
    stops: {
      samples: of("stop_samples"),
      lag: of("stop_lag"),
      length: of("stop_length"),
      span: of("stop_span"),
      margin: of("stop_margin"),
    },
  };
  if (isEarlier(flow)) judgeMean(flow, found);
  return found;
}

/** Judge the mean norm by lag, at steps where all lags have the same samples. */
function judgeMean(flow: Flow, found: StepMetrics): void {
  for (let step = 0; step < flow.steps.length; step++) {
    const norms = comparableNorms(flow, step);
    if (!norms) continue;
    const fit = exponentialFit(norms);
    found.halfLife.p50[step] = fit.halfLife;
    found.r2[step] = fit.r2;
    found.gain.p50[step] = largestGain(norms);
    found.lags[step] = norms.length - 1;
    found.farEnd.p50[step] = norms[norms.length - 1] / norms.reduce((a, b) => Math.max(a, b));
  }
}

/** The mean norms by lag at a step; null if lags have different samples, or a norm is not finite. */
function comparableNorms(flow: Flow, step: number): Float32Array | null {
  const real = statisticAtStep(flow, "lag_real_samples", step);
  // Where steps differ in length, NaN fills the shorter ones.
  const lags = real.findIndex((count) => Number.isNaN(count));
  const norms = statisticAtStep(flow, "lag_norm_mean", step).subarray(0, lags < 0 ? real.length : lags);
  const same = norms.every((_, lag) => real[lag] === real[0]);
  const sound = norms.every((norm) => Number.isFinite(norm)) && norms.some((norm) => norm > 0);
  return same && sound && norms.length > 0 ? norms : null;
}

/** The memory horizon of every step: the largest lag at which the norm is at least `eps` times the largest. */
export function horizons(flow: Flow, eps: number): Spread {
  const earlier = isEarlier(flow);
  const reached = (name: string) =>
    Float64Array.from(flow.steps, (_, step) =>
      lastReached(statisticAtStep(flow, `lag_reach_${name}`, step), eps),
    );
  const unknown = () => new Float64Array(flow.steps.length).fill(Number.NaN);
  if (!earlier) return { p05: reached("p05"), p50: reached("p50"), p95: reached("p95") };
  const ofMean = Float64Array.from(flow.steps, (_, step) => {
    const norms = comparableNorms(flow, step);
    return norms ? memoryHorizon(norms, eps) : Number.NaN;
  });
  return { p05: unknown(), p50: ofMean, p95: unknown() };
}

/**
 * Where lag 0 is among a step's timesteps, and in which direction lags count: from the first real timestep in
 * a backward direction, else from the last.
 *
 * Null if samples end at different timesteps, so that no timestep is a single lag.
 */
function lagZero(flow: Flow, step: number, direction: Direction): { at: number; way: 1 | -1 } | null {
  const real = statisticAtStep(flow, OF_AXIS.timestep.real, step);
  const most = real.reduce((a, b) => (b > a ? b : a), 0);
  const backward = direction === "backward";
  const isReal = (count: number) => count > 0;
  const at = backward ? real.findIndex(isReal) : Array.from(real, isReal).lastIndexOf(true);
  return at >= 0 && real[at] === most ? { at, way: backward ? 1 : -1 } : null;
}

export type Direction = "forward" | "backward";

/** The row of a map through which to draw the horizon, for each step; null where there is none. */
export function horizonRows(
  flow: Flow,
  axis: FlowAxis,
  horizon: Float64Array,
  direction: Direction,
): (number | null)[] {
  return flow.steps.map((_, step) => {
    const lag = horizon[step];
    if (Number.isNaN(lag)) return null;
    if (axis === "lag") return lag;
    const zero = lagZero(flow, step, direction);
    return zero && zero.at + zero.way * lag;
  });
}

/** The exponential of the given half-life that best fits a step's norms along an axis; null if there is none. */
export function fittedNorms(
  flow: Flow,
  axis: FlowAxis,
  step: number,
  halfLife: number,
  direction: Direction,
): (number | null)[] | null {
  const norms = statisticAtStep(flow, OF_AXIS[axis].norm, step);
  const zero = axis === "lag" ? { at: 0, way: 1 } : lagZero(flow, step, direction);
  if (Number.isNaN(halfLife) || !zero) return null;
  const slope = -Math.LN2 / halfLife;
  const lags = Array.from(norms, (_, row) => zero.way * (row - zero.at));
  const known = lags.filter((_, row) => norms[row] > 0 && Number.isFinite(norms[row]));
  const offsets = lags.flatMap((lag, row) =>
    norms[row] > 0 && Number.isFinite(norms[row]) ? [Math.log(norms[row]) - slope * lag] : [],
  );
  const start = offsets.reduce((sum, offset) => sum + offset, 0) / offsets.length;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return lags.map((lag) => (lag >= least && lag <= most ? Math.exp(start + slope * lag) : null));
}

/** A half-life in words, with how well an exponential fits. */
export function fitWords(halfLife: number, r2: number): string {
  if (Number.isNaN(halfLife)) return "too few norms above 0 to fit";
  const fit = `(R² ${r2.toFixed(2)})`;
  if (!Number.isFinite(halfLife)) return `does not change with the lag ${fit}`;
  const every = short(Math.abs(halfLife));
  return `${halfLife > 0 ? "halves" : "doubles"} every ${every} timesteps back ${fit}`;
}

/** The first row of each window of truncated backpropagation through time, except the outermost. */
export function boundaries(window: number | null, rows: number, axis: FlowAxis): number[] {
  if (window === null) return [];
  const multiples = Array.from({ length: Math.ceil(rows / window) - 1 }, (_, i) => (i + 1) * window);
  return axis === "timestep" ? multiples : multiples.map((timestep) => rows - timestep);
}

/** The index of the logged step nearest to `step`. */
export function indexOf(flow: Flow, step: number): number {
  return flow.steps.indexOf(nearestStep(flow.steps, step) as KeptStep);
}
