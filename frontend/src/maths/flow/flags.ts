/** Flags: what is wrong with a step's gradient, by thresholds that the user sets. They match tb_rnngrad.flow. */

import type { Flow } from "../../data/types";
import { type StepMetrics, type Stops, statistic } from "./flow";

/** All flags, the worst first. */
export const FLAGS = ["non_finite", "exploding", "cut", "vanishing", "dead_channels"] as const;
export type Flag = (typeof FLAGS)[number];

export const FLAG_NAMES: Record<Flag, string> = {
  non_finite: "non-finite",
  exploding: "exploding",
  cut: "cut",
  vanishing: "vanishing",
  dead_channels: "dead channels",
};

export interface Thresholds {
  /** Vanishing: the median sample's memory horizon is below this share of the lags of the sample of median length. */
  vanishing: number;
  /** Exploding: the median sample's norm grows by more than this factor on its way back. */
  exploding: number;
  /** Non-finite: the share of NaN and Inf at some timestep is above this. */
  nonfinite: number;
  /** Dead channels: the share of channels that are exactly 0 throughout is above this. */
  dead: number;
}

/** The quantities that flow back through time, and so can vanish or explode. */
const CARRIED = ["hidden_state_gradient", "cell_state_gradient", "gate_gradient", "input_gradient"];

/** The quantities whose rows are not timesteps, or whose columns are not channels of a layer. */
const NOT_OVER_TIME = ["weight", "weight_gradient", "state_jacobian", "itemized_gradient"];

/** Whether each flag applies to a quantity. */
const APPLIES: Record<Flag, (quantity: string, timesteps: number) => boolean> = {
  non_finite: () => true,
  exploding: (quantity) => CARRIED.includes(quantity),
  cut: (quantity) => CARRIED.includes(quantity),
  vanishing: (quantity) => CARRIED.includes(quantity),
  dead_channels: (quantity, timesteps) => timesteps > 1 && !NOT_OVER_TIME.includes(quantity),
};

/** The numbers that flags are judged by, one per step; NaN if unknown. */
export interface Evidence {
  /** The median sample's memory horizon as a share of the lags of the sample of median length. */
  reach: Float64Array;
  /** By what factor the median sample's norm grows on its way back. */
  growth: Float64Array;
  /** The share of the timesteps that the gradient reaches before it is cut; 1 if it reaches the far end. */
  cut: Float64Array;
  /** The largest share of NaN and Inf at any timestep. */
  nonfinite: Float64Array;
  /** The share of channels that are exactly 0 throughout. */
  dead: Float64Array;
}

/** What tells a cut from dead units and from underflow: tb_rnngrad.flow.reach says why. */
const LEAST_SAMPLES = 2;
const LEAST_SPAN = 2;
const LEAST_MARGIN = 1e3;

/** The share of the timesteps that the gradient reaches before it is cut; NaN if it stops for another reason. */
function cutShare({ samples, lag, length, span, margin }: Stops, judged: Float64Array): Float64Array {
  return samples.map((count, step) => {
    if (count === 0) return judged[step] > 0 ? 1 : Number.NaN;
    const isCut = count >= LEAST_SAMPLES && span[step] >= LEAST_SPAN && margin[step] > LEAST_MARGIN;
    return isCut ? lag[step] / length[step] : Number.NaN;
  });
}

/** The evidence of every step, from its metrics and the median sample's memory horizon. */
export function evidenceOf(flow: Flow, metrics: StepMetrics, horizon: Float64Array): Evidence {
  const { growth, lags, stops, samples } = metrics;
  const nans = statistic(flow, "nan_share");
  const infinities = statistic(flow, "inf_share");
  const nonfinite = Float64Array.from(flow.steps, (_, step) => {
    let most = Number.NaN;
    for (let i = step * flow.timesteps; i < (step + 1) * flow.timesteps; i++) {
      const share = nans[i] + infinities[i];
      if (!(share <= most) && !Number.isNaN(share)) most = share;
    }
    return most;
  });
  return {
    // A single lag says nothing.
    reach: horizon.map((lag, step) => (lags[step] > 0 ? Math.min(1, lag / lags[step]) : Number.NaN)),
    growth,
    cut: cutShare(stops, samples),
    nonfinite,
    dead: Float64Array.from(flow.steps, (_, step) => flow.batch.dead_share?.[step] ?? Number.NaN),
  };
}

/** The evidence that each flag is judged by. */
const JUDGED_BY: Record<Flag, (found: Evidence) => Float64Array> = {
  non_finite: ({ nonfinite }) => nonfinite,
  exploding: ({ growth }) => growth,
  cut: ({ cut }) => cut,
  vanishing: ({ reach }) => reach,
  dead_channels: ({ dead }) => dead,
};

/** The condition of each flag. An unknown value, NaN, raises none. */
const IS_UP: Record<Flag, (value: number, limits: Thresholds) => boolean> = {
  non_finite: (value, { nonfinite }) => value > nonfinite,
  exploding: (value, { exploding }) => value > exploding,
  cut: (value) => value < 1,
  vanishing: (value, { vanishing }) => value < vanishing,
  dead_channels: (value, { dead }) => value > dead,
};

/** Whether the recurrence carries a quantity back as a gradient. */
export function isCarried(quantity: string | undefined): boolean {
  return CARRIED.includes(quantity ?? "");
}

/** The flags that apply to a quantity, the worst first. */
export function judgedFlags(quantity: string, timesteps: number): Flag[] {
  return FLAGS.filter((flag) => APPLIES[flag](quantity, timesteps));
}

/** The flags that are up at each step, among those that are judged. */
export function flagsOf(found: Evidence, judged: readonly Flag[], thresholds: Thresholds): Flag[][] {
  return Array.from(found.reach, (_, step) =>
    judged.filter((flag) => IS_UP[flag](JUDGED_BY[flag](found)[step], thresholds)),
  );
}

/** The steps at which flags rise: a flag is up that was not up before. A flag that cannot be judged stays as it was. */
export function rises(flags: readonly Flag[][], found: Evidence): { index: number; risen: Flag[] }[] {
  const up = new Set<Flag>();
  return flags.flatMap((now, index) => {
    const risen = now.filter((flag) => !up.has(flag));
    for (const flag of FLAGS) {
      if (now.includes(flag)) up.add(flag);
      else if (!Number.isNaN(JUDGED_BY[flag](found)[index])) up.delete(flag);
    }
    return risen.length ? { index, risen } : [];
  });
}

/** The worst flag of all, and the index at which it first rose. */
export function worst(flags: readonly Flag[][]): { flag: Flag; index: number } | null {
  const flag = FLAGS.find((flag) => flags.some((now) => now.includes(flag)));
  return flag ? { flag, index: flags.findIndex((now) => now.includes(flag)) } : null;
}
