import type { Series } from "../../data/series";
import { FLAGS, type Flag, isCarried, worst } from "./flags";
import { indexOf, type Middle, type Spread } from "./flow";
import type { FlowHistory, Limits } from "./history";
import { beyondWords, flagReason } from "./samples";
import { type Progress, type Verdict, verdictOf } from "./verdict";

/** One series at one step, or the runs of a group. NaN means unknown. */
export interface OverviewLine {
  /** The name of the run or the group. */
  name: string;
  series: Series;
  /** The lines of a group's runs; empty for a single run. */
  members: readonly OverviewLine[];
  colour: string;
  /** The logged step that the line describes, and the first one. */
  step: number;
  first: number;
  /** The memory horizon, its largest possible lag, and the median sample's history so far. */
  horizon: Middle;
  lags: number;
  history: Float64Array;
  /** The share of its largest norm that a sample keeps at the far end. */
  farEnd: Middle;
  halfLife: Middle;
  r2: number;
  /** How many samples could be judged. */
  samples: number;
  /** The step from which on the horizon was never below half of its value now. */
  since: number;
  /**
   * The flags that are up with their reasons, samples that exceed a threshold by themselves, and the worst
   * flag of all.
   */
  flags: Flag[];
  reasons: Partial<Record<Flag, string>>;
  asides: string[];
  worst: { flag: Flag; step: number } | null;
  /** The share of channels that are exactly 0 throughout. */
  dead: number;
  /** Whether the log is older than the judging of single samples. */
  earlier: boolean;
  /** Whether the run can learn long dependencies. */
  verdict: Verdict;
}

/** What a line is made from. */
export interface Judged {
  series: Series;
  colour: string;
  history: FlowHistory;
  /** How a loss of the run changed until the step; null if unknown. */
  progress: Progress | null;
}

export function lineOf(judged: Judged, step: number, limits: Limits): OverviewLine {
  const { series, colour, history, progress } = judged;
  const { flow, flags, horizon } = history;
  const index = indexOf(flow, step);
  const worstOf = worst(flags);
  const sinceIndex = reachedSince(horizon.p50, index);
  const now = flags[index];
  const line = {
    name: series.run,
    series,
    members: [],
    colour,
    step: flow.steps[index][0],
    first: flow.steps[0][0],
    horizon: middleOf(horizon, index),
    lags: history.lags[index],
    history: horizon.p50.subarray(0, index + 1),
    farEnd: middleOf(history.farEnd, index),
    halfLife: middleOf(history.halfLife, index),
    r2: history.r2[index],
    samples: history.samples[index],
    since: sinceIndex === null ? Number.NaN : flow.steps[sinceIndex][0],
    flags: now,
    reasons: Object.fromEntries(now.map((flag) => [flag, flagReason(flag, history, index, limits)])),
    asides: FLAGS.filter((flag) => !now.includes(flag)).flatMap(
      (flag) => beyondWords(flag, history, index, limits) ?? [],
    ),
    worst: worstOf && { flag: worstOf.flag, step: flow.steps[worstOf.index][0] },
    dead: history.evidence.dead[index],
    earlier: history.earlier,
  };
  const carried = isCarried(series.entry.metadata.quantity);
  return { ...line, verdict: verdictOf({ ...line, carried, progress }) };
}

function middleOf(spread: Spread, index: number): Middle {
  return { low: spread.p05[index], mid: spread.p50[index], high: spread.p95[index] };
}

/** The first index from which up to `index` the horizon was never below half of its value there. */
export function reachedSince(horizon: Float64Array, index: number): number | null {
  if (Number.isNaN(horizon[index])) return null;
  let since = index;
  while (since > 0 && horizon[since - 1] >= horizon[index] / 2) since--;
  return since;
}

/** Whether the horizon is the whole sequence, so that it cannot rank runs. */
export function isSaturated({ horizon, lags }: Pick<OverviewLine, "horizon" | "lags">): boolean {
  return lags > 0 && horizon.mid >= lags;
}

/** Whether the gradient reaches far only because it blows up or is not a number. */
export function isBroken({ flags }: OverviewLine): boolean {
  return flags.includes("non_finite") || flags.includes("exploding");
}

/** The first known horizon, and the change from it to the horizon now. */
export function trend(history: Float64Array): { from: number; change: number } {
  const from = history.find((horizon) => !Number.isNaN(horizon)) ?? Number.NaN;
  return { from, change: (history.at(-1) ?? Number.NaN) - from };
}
