/** What flow maps can show: each is a formula of the statistics that a flow holds. */

import { FLAG_INPUTS } from "../../data/statistics";
import type { Flow } from "../../data/types";
import { type FlowAxis, OF_AXIS, statistic } from "./flow";

/** One quantity of a flow map. */
export interface FlowStatistic {
  /** Its name in the list of choices. */
  name: string;
  /** What a cell holds, in words. */
  what: string;
  /** The statistics by timestep that it is computed from. */
  from: readonly string[];
  /** Whether a flow also holds these by lag. */
  byLag: boolean;
  formula: (...of: number[]) => number;
  /** The same formula on arrays, in Python. */
  python: string;
  scale: "log" | "linear";
  /** Whether it scales with the gradient, so that it can be shown relative to each step's largest. */
  sized: boolean;
  /** Where its scale ends; null for its largest value. */
  limit: number | null;
}

/** Names a map that is not absolute. */
export const RELATIVE = "relative to each step's largest";

const only = (value: number) => value;

/**
 * The mean and the standard deviation over samples give the mean square: mean² + std² = rms².
 *
 * So the agreement of signs, |mean| / rms, does not need the number of channels.
 */
export const FLOW_STATISTICS = {
  norm: {
    name: "norm",
    what: "norm over channels, mean over samples",
    from: ["norm_mean"],
    byLag: true,
    formula: only,
    python: "norm_mean",
    scale: "log",
    sized: true,
    limit: null,
  },
  rms: {
    name: "RMS",
    what: "root of the mean square over samples and channels",
    from: ["rms"],
    byLag: false,
    formula: only,
    python: "rms",
    scale: "log",
    sized: true,
    limit: null,
  },
  max: {
    name: "max |x|",
    what: "largest magnitude over samples and channels",
    from: ["max_abs"],
    byLag: false,
    formula: only,
    python: "max_abs",
    scale: "log",
    sized: true,
    limit: null,
  },
  agreement: {
    name: "agreement of signs",
    what: "|mean| / RMS over samples: 1 where all agree",
    from: ["mean_norm", "std_norm"],
    byLag: true,
    formula: (mean, std) => mean / Math.hypot(mean, std),
    python: "mean_norm / np.hypot(mean_norm, std_norm)",
    scale: "linear",
    sized: false,
    limit: 1,
  },
  snr: {
    name: "signal-to-noise ratio",
    what: "|mean| / standard deviation over samples",
    from: ["mean_norm", "std_norm"],
    byLag: true,
    formula: (mean, std) => mean / std,
    python: "mean_norm / std_norm",
    scale: "log",
    sized: false,
    limit: null,
  },
  zeros: {
    name: "exact zeros",
    what: "share of exact zeros",
    from: ["zero_share"],
    byLag: false,
    formula: only,
    python: "zero_share",
    scale: "linear",
    sized: false,
    limit: 1,
  },
  nonfinite: {
    name: "NaN and Inf",
    what: "share of NaN and Inf",
    from: ["nan_share", "inf_share"],
    byLag: false,
    formula: (nan, inf) => nan + inf,
    python: "nan_share + inf_share",
    scale: "linear",
    sized: false,
    limit: 1,
  },
} satisfies Record<string, FlowStatistic>;

export type FlowStatisticName = keyof typeof FLOW_STATISTICS;
export const FLOW_STATISTIC_NAMES = Object.keys(FLOW_STATISTICS) as FlowStatisticName[];

/** The statistic to draw along an axis: the chosen one, or the norm if the flow does not hold that one by lag. */
export function drawnStatistic(name: FlowStatisticName, axis: FlowAxis): FlowStatistic {
  const chosen: FlowStatistic = FLOW_STATISTICS[name];
  return axis === "timestep" || chosen.byLag ? chosen : FLOW_STATISTICS.norm;
}

/** The columns of a flow that a map, the curves beside it and the metrics need. */
export function statisticsFor(axis: FlowAxis, drawn: FlowStatistic): string[] {
  const { norm, real, band } = OF_AXIS[axis];
  return [...new Set([...FLAG_INPUTS, norm, real, ...(band ?? []), ...columnsOf(axis, drawn)])];
}

/** A function that computes the statistic from the i-th number of each column. */
export function reader(flow: Flow, axis: FlowAxis, drawn: FlowStatistic): (i: number) => number {
  const columns = columnsOf(axis, drawn).map((name) => statistic(flow, name));
  return (i) => drawn.formula(...columns.map((column) => column[i]));
}

/** The columns that the statistic needs and the flow does not hold. */
export function unloggedOf(flow: Flow, axis: FlowAxis, drawn: FlowStatistic): string[] {
  return columnsOf(axis, drawn).filter((name) => !(name in flow.columns));
}

/** The names of the columns that the statistic needs. */
export function columnsOf(axis: FlowAxis, { from }: FlowStatistic): string[] {
  return axis === "lag" ? from.map((name) => `lag_${name}`) : [...from];
}
