/** Flows of known samples, with statistics as tb_rnngrad.flow defines them, and flows of earlier logs. */

import type { Flow } from "../src/data/types";
import { exponentialFit, largestGain } from "../src/maths/flow/metrics";

const NAN = Number.NaN;

/** The q-quantile that is a real sample's value: the ceil(q n)-th smallest. */
function quantile(values: number[], q: number): number {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return known.length ? known[Math.max(0, Math.ceil(q * known.length - 1e-9) - 1)] : NAN;
}

function growthOf(norms: number[]): { growth: number; lag: number } {
  let [log, most, at, before] = [0, 0, 0, NAN];
  norms.forEach((norm, lag) => {
    if (!(norm > 0)) return;
    if (!Number.isNaN(before)) log += Math.min(Math.log(10), Math.log(norm / before));
    before = norm;
    if (log > most) [most, at] = [log, lag];
  });
  return { growth: Math.exp(most), lag: at };
}

/** Where samples stop in exact zeros; the expected next norm is that of the last lag, which suits constant norms. */
function stopsOf(judged: number[][]): Record<string, number> {
  const end = (norms: number[]) => norms.reduce((last, norm, lag) => (norm > 0 ? lag + 1 : last), 0);
  const stopped = judged.filter((norms) => end(norms) < norms.length);
  const at = stopped.length ? end(stopped[0]) : NAN;
  const agree = judged.every((norms) => (stopped.includes(norms) ? end(norms) === at : end(norms) <= at));
  const least = (of: (norms: number[]) => number) => (stopped.length ? Math.min(...stopped.map(of)) : NAN);
  return {
    stop_samples: stopped.length,
    stop_lag: agree ? at : NAN,
    stop_length: stopped.length ? Math.max(...stopped.map((norms) => norms.length)) : NAN,
    stop_span: least((norms) => end(norms) - norms.findIndex((norm) => norm > 0)),
    stop_margin: least((norms) => norms[end(norms) - 1] / 1.2e-38),
  };
}

/** The statistics of one batch. A sample is its norms by lag. */
function batchOf(samples: number[][], timesteps: number) {
  const judged = samples.filter(
    (norms) => norms.length > 1 && norms.every(Number.isFinite) && Math.max(...norms) > 0,
  );
  const over = (of: (norms: number[]) => number) => (q: number) => quantile(judged.map(of), q);
  const largest = (norms: number[]) => Math.max(...norms);
  const reach = (norms: number[], lag: number) => Math.max(0, ...norms.slice(lag)) / largest(norms);
  const horizon = (norms: number[]) => norms.map((norm) => norm >= 0.01 * largest(norms)).lastIndexOf(true);
  const growths = judged.map((norms) => growthOf(norms));
  const worst = growths.reduce(
    (best, { growth }, i) => (growth > (growths[best]?.growth ?? -1) ? i : best),
    0,
  );
  const spreads = {
    far_end: over((norms) => norms[norms.length - 1] / largest(norms)),
    half_life: over((norms) => exponentialFit(norms).halfLife),
    largest_gain: over(largestGain),
    snr_horizon: over((norms) => norms.length - 1),
  };
  const quantiles = { p05: 0.05, p50: 0.5, p95: 0.95 };
  const batch: Record<string, number> = {
    dead_share: 0,
    horizon_samples: judged.length,
    half_life_r2_p50: over((norms) => exponentialFit(norms).r2)(0.5),
    half_life_samples: judged.length,
    gain_samples: judged.length,
    growth_p50: quantile(
      growths.map(({ growth }) => growth),
      0.5,
    ),
    growth_max: growths[worst]?.growth ?? NAN,
    growth_sample: judged.length ? samples.indexOf(judged[worst]) : NAN,
    growth_lag: growths[worst]?.lag ?? NAN,
    lags_p50: over((norms) => norms.length - 1)(0.5),
    exploding_samples: growths.filter(({ growth }) => growth > 1e3).length,
    vanishing_samples: judged.filter((norms) => horizon(norms) < 0.1 * (norms.length - 1)).length,
  };
  Object.assign(batch, stopsOf(judged));
  const rows: Record<string, number[]> = {};
  const lags = Array.from({ length: timesteps }, (_, lag) => lag);
  for (const [name, q] of Object.entries(quantiles)) {
    for (const [metric, of] of Object.entries(spreads)) batch[`${metric}_${name}`] = of(q);
    rows[`lag_reach_${name}`] = lags.map((lag) => over((norms) => reach(norms, lag))(q));
  }
  const present = (lag: number) => samples.filter((norms) => lag < norms.length);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  rows.lag_norm_mean = lags.map((lag) => mean(present(lag).map((norms) => norms[lag])));
  rows.lag_real_samples = lags.map((lag) => present(lag).length);
  rows.norm_mean = [...rows.lag_norm_mean].reverse(); // all end at the last timestep
  rows.real_samples = [...rows.lag_real_samples].reverse();
  rows.nan_share = lags.map(() => 0);
  rows.inf_share = lags.map(() => 0);
  return { batch, rows };
}

/** A flow from the samples' norms by lag, [steps][samples][lags]. `change` replaces statistics at every step. */
export function flowOfSamples(
  steps: number[][][],
  change: Record<string, number[]> = {},
  numbers = steps.map((_, i) => 10 * i),
): Flow {
  const timesteps = Math.max(...steps.flat().map((norms) => norms.length));
  const found = steps.map((samples) => batchOf(samples, timesteps));
  const joined = (of: (one: (typeof found)[number]) => Record<string, number[]>) =>
    Object.fromEntries(
      Object.keys(of(found[0])).map((name) => [
        name,
        Float32Array.from(found.flatMap((one) => of(one)[name])),
      ]),
    );
  const columns = joined(({ rows }) => rows);
  const batch = joined(({ batch }) =>
    Object.fromEntries(Object.entries(batch).map(([name, value]) => [name, [value]])),
  );
  for (const [name, values] of Object.entries(change)) {
    if (name in batch) batch[name] = Float32Array.from(values);
    else columns[name] = Float32Array.from(values);
  }
  return {
    steps: numbers.map((step) => [step, 1000 + step]),
    timesteps,
    columns,
    batch,
    damaged: [],
    sampled: false,
  };
}

/** The same flow as an earlier version logged it: without the norms of each sample. */
export function earlier(flow: Flow): Flow {
  const without = Object.entries(flow.columns).filter(([name]) => !name.startsWith("lag_reach"));
  return { ...flow, columns: Object.fromEntries(without), batch: { dead_share: flow.batch.dead_share } };
}

/** The norms a^lag. */
export function decaying(a: number, lags: number): number[] {
  return Array.from({ length: lags }, (_, lag) => a ** lag);
}
