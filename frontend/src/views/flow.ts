/** Gradient flow: from the statistics per step and timestep to maps, horizons and colour ranges. */

import { toCodes } from "../colour/bfloat16";
import type { Extent } from "../colour/scale";
import type { Flow, Tensor } from "../data/types";

/** One statistic of every step, [steps, timesteps]. Throws where the flow does not hold it. */
export function statistic(flow: Flow, name: string): Float32Array {
  const count = flow.statistics.length;
  const index = flow.statistics.indexOf(name);
  if (index < 0) throw new RangeError(`no statistic ${name}; there are ${flow.statistics.join(", ")}`);
  return Float32Array.from(
    { length: flow.steps.length * flow.timesteps },
    (_, i) => flow.values[i * count + index],
  );
}

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

/** A memory horizon: how far back, counted from the last real timestep, the gradient still reaches. */
export interface Horizon {
  /** The earliest timestep whose norm is at least `eps` times the largest. */
  timestep: number;
  lag: number;
}

/** The memory horizon of one step's norms over timesteps; null where no norm is positive. */
export function horizon(norms: ArrayLike<number>, eps: number): Horizon | null {
  let [largest, last] = [0, -1];
  for (let t = 0; t < norms.length; t++) {
    if (Number.isNaN(norms[t])) continue; // padding in every sample, or NaN logged
    last = t;
    if (Number.isFinite(norms[t])) largest = Math.max(largest, norms[t]);
  }
  if (largest === 0) return null;
  let timestep = 0;
  while (!(norms[timestep] >= eps * largest)) timestep++;
  return { timestep, lag: last - timestep };
}

/** The horizon of every step. */
export function horizons(flow: Flow, eps: number): (Horizon | null)[] {
  const norms = statistic(flow, "norm_mean");
  return flow.steps.map((_, i) => horizon(norms.subarray(i * flow.timesteps, (i + 1) * flow.timesteps), eps));
}

/** The mean norms as a picture, [timesteps, steps], for the heatmap to draw: its columns are steps. */
export function flowPicture(flow: Flow, run: string, tag: string): Tensor {
  const norms = statistic(flow, "norm_mean");
  const [steps, timesteps] = [flow.steps.length, flow.timesteps];
  const real = statistic(flow, "real_samples");
  const values = new Float32Array(norms.length);
  const bits = new Uint32Array(values.buffer);
  for (let t = 0; t < timesteps; t++) {
    for (let i = 0; i < steps; i++) {
      values[t * steps + i] = norms[i * timesteps + t];
      if (!(real[i * timesteps + t] > 0)) bits[t * steps + i] = 0x7fc10000; // padding, as /tensor marks it
    }
  }
  const window = { c0: 0, c1: timesteps, t0: 0, t1: steps };
  const positive = values.filter((value) => value > 0 && Number.isFinite(value)).sort();
  const at = (share: number) => positive[Math.round(share * (positive.length - 1))] ?? Number.NaN;
  return {
    request: { run, tag, step: 0, wallTime: 0, show: 0, window: null, pooled: null },
    values: { values, rows: timesteps, columns: steps, window },
    codes: { values: toCodes(bits), rows: timesteps, columns: steps, window },
    channels: timesteps,
    timesteps: steps,
    kept: 1,
    batch: 1,
    range: [at(0), at(1)],
    quantiles: [at(0)],
    counts: { real: values.length, padding: 0, zero: 0, nan: 0, posinf: 0, neginf: 0 },
    narrowed: { flushed: 0, overflowed: 0 },
  };
}
