/** Names of a flow's statistics; docs/reference/record_format.md defines each. */

export const QUANTILES = ["p05", "p50", "p95"] as const;

/** The names of a metric's quantiles over samples. */
export function quantilesOf(metric: string): string[] {
  return QUANTILES.map((name) => `${metric}_${name}`);
}

/** The statistics that have one number per batch. */
export const OF_BATCH: readonly string[] = [
  "dead_share",
  "horizon_samples",
  ...quantilesOf("far_end"),
  ...quantilesOf("half_life"),
  "half_life_r2_p50",
  "half_life_samples",
  ...quantilesOf("largest_gain"),
  "gain_samples",
  ...quantilesOf("snr_horizon"),
  "growth_p50",
  "growth_max",
  "growth_sample",
  "growth_lag",
  "lags_p50",
  "exploding_samples",
  "vanishing_samples",
  "stop_samples",
  "stop_lag",
  "stop_length",
  "stop_span",
  "stop_margin",
];

/** The statistics that metrics and flags need. */
export const FLAG_INPUTS: readonly string[] = [
  "nan_share",
  "inf_share",
  ...quantilesOf("lag_reach"),
  ...OF_BATCH,
];

/** The statistics they need in logs older than the judging of single samples. */
export const JUDGED_EARLIER: readonly string[] = ["lag_norm_mean", "lag_real_samples"];

/** Whether a log holds the norms by lag of each sample. */
export function judgesSamples(logged: readonly string[]): boolean {
  return logged.includes("lag_reach_p50");
}
