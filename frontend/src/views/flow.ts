/** Gradient flow: from the statistics per step and timestep to what is drawn of them. */

import type { Extent } from "../colour/scale";
import { short } from "../colour/ticks";
import type { Flow } from "../data/types";
import { exponentialFit, largestGain, memoryHorizon } from "./metrics";

export const FLOW_AXES = ["timestep", "lag"] as const;
export type FlowAxis = (typeof FLOW_AXES)[number];

/** The norms along each axis, and how many samples are real there. Quantiles over samples are taken at timesteps alone. */
export const OF_AXIS: Record<FlowAxis, { norm: string; real: string; band: [string, string] | null }> = {
  timestep: { norm: "norm_mean", real: "real_samples", band: ["norm_p05", "norm_p95"] },
  lag: { norm: "lag_norm_mean", real: "lag_real_samples", band: null },
};

/** What metrics and flags are computed from. */
export const JUDGED = ["lag_norm_mean", "lag_real_samples", "nan_share", "inf_share", "dead_share"];

/** One statistic of every step, [steps, timesteps]. Throws where the flow does not hold it. */
export function statistic(flow: Flow, name: string): Float32Array {
  const column = flow.columns[name];
  if (!column)
    throw new RangeError(`no statistic ${name}; there are ${Object.keys(flow.columns).join(", ")}`);
  return column;
}

/** A statistic at one step, by timestep or lag. */
export function atStep(flow: Flow, name: string, step: number): Float32Array {
  return statistic(flow, name).subarray(step * flow.timesteps, (step + 1) * flow.timesteps);
}

/** What `extentOverSteps` reads. */
export const EXTENT = ["max_abs", "rms"];

/** What a colour range over all steps is made from: no single value of any step exceeds it. */
export function extentOverSteps(flow: Flow): Extent {
  const positive = (name: string) =>
    statistic(flow, name).filter((value) => value > 0 && Number.isFinite(value));
  const magnitude = positive("max_abs").reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const small = positive("rms").reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return {
    least: -magnitude,
    greatest: magnitude,
    magnitude: Number.isFinite(magnitude) ? magnitude : Number.NaN,
    small: Number.isFinite(small) ? small : Number.NaN,
  };
}

/** What the norms by lag of every step say, a number a step. */
export interface StepMetrics {
  halfLife: Float64Array;
  r2: Float64Array;
  gain: Float64Array;
  /** The largest norm over that at lag 0. */
  growth: Float64Array;
  /** The largest lag with a real sample. */
  longest: Float64Array;
  /** Whether the norms of all real lags are finite. */
  finite: boolean[];
}

export function stepMetrics(flow: Flow): StepMetrics {
  const [halfLife, r2, gain, growth, longest] = Array.from(
    { length: 5 },
    () => new Float64Array(flow.steps.length),
  );
  const finite: boolean[] = [];
  for (let step = 0; step < flow.steps.length; step++) {
    const norms = atStep(flow, "lag_norm_mean", step);
    const fit = exponentialFit(norms);
    halfLife[step] = fit.halfLife;
    r2[step] = fit.r2;
    gain[step] = largestGain(norms);
    const real = atStep(flow, "lag_real_samples", step);
    growth[step] = norms[0] > 0 ? largest(norms) / norms[0] : Number.NaN;
    longest[step] = lastReal(real);
    finite.push(norms.every((norm, lag) => Number.isFinite(norm) || !(real[lag] > 0)));
  }
  return { halfLife, r2, gain, growth, longest, finite };
}

/** The memory horizon of every step. */
export function horizons(flow: Flow, eps: number): Float64Array {
  return Float64Array.from(flow.steps, (_, step) => memoryHorizon(atStep(flow, "lag_norm_mean", step), eps));
}

function largest(norms: Float32Array): number {
  return norms.reduce((most, norm) => (norm > most ? norm : most), 0);
}

/** The last timestep or lag with a real sample. */
function lastReal(real: Float32Array): number {
  let last = real.length - 1;
  while (last > 0 && !(real[last] > 0)) last--;
  return last;
}

/** For each step the row of a map to draw the horizon through; null where there is none. */
export function horizonRows(flow: Flow, axis: FlowAxis, eps: number): (number | null)[] {
  return flow.steps.map((_, step) => {
    const norms = atStep(flow, OF_AXIS[axis].norm, step);
    // Among timesteps the farthest back is the first, among lags the last.
    const farthest = memoryHorizon(axis === "lag" ? norms : norms.slice().reverse(), eps);
    if (Number.isNaN(farthest)) return null;
    return axis === "lag" ? farthest : norms.length - 1 - farthest;
  });
}

/** The exponential fitted to the norms by lag of a step, along an axis; null where there is none to draw. */
export function fittedNorms(flow: Flow, axis: FlowAxis, step: number): (number | null)[] | null {
  const norms = atStep(flow, "lag_norm_mean", step);
  const { logNorm, slope } = exponentialFit(norms);
  const longest = lastReal(atStep(flow, "lag_real_samples", step));
  const at = (lag: number) => (lag >= 0 && lag <= longest ? Math.exp(logNorm + slope * lag) : null);
  if (Number.isNaN(slope)) return null;
  if (axis === "lag") return Array.from(norms, (_, lag) => at(lag));
  // Where samples end at different timesteps, no timestep is one lag.
  const real = atStep(flow, OF_AXIS.timestep.real, step);
  const counts = real.filter((count) => count > 0);
  if (counts.some((count) => count !== counts[0])) return null;
  const last = lastReal(real);
  return Array.from(norms, (_, timestep) => at(last - timestep));
}

/** A half-life in words, with how well an exponential fits at all. */
export function fitWords(halfLife: number, r2: number): string {
  if (Number.isNaN(halfLife)) return "too few norms above 0 to fit";
  const fit = `(R² ${r2.toFixed(2)})`;
  if (!Number.isFinite(halfLife)) return `does not change with the lag ${fit}`;
  const every = short(Math.abs(halfLife));
  return `${halfLife > 0 ? "halves" : "doubles"} every ${every} timesteps back ${fit}`;
}

/** First rows of the windows of truncated backpropagation through time, but the outermost. */
export function boundaries(window: number | null, rows: number, axis: FlowAxis): number[] {
  if (window === null) return [];
  const multiples = Array.from({ length: Math.ceil(rows / window) - 1 }, (_, i) => (i + 1) * window);
  return axis === "timestep" ? multiples : multiples.map((timestep) => rows - timestep);
}
