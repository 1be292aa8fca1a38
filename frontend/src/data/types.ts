/** The answers of the routes, which docs/reference/http_api.md describes. */

import type { Scale } from "../colour/scale";
import type { Grid, Window } from "./window";

export interface Metadata {
  quantity: string;
  layer: string | null;
  framework: string | null;
  channel_groups: [string, number][] | null;
  statistics: string[];
  /** Other facts needed to read the numbers, by name. They are as logged, so they may have any type. */
  details?: Record<string, unknown> | null;
  description: string;
  title: string;
  symbol: string;
  /** The order in which timesteps are processed; "both" for a sum of two directions. */
  direction: "forward" | "backward" | "both";
  /** The tag of the record of which this is a direction or a stacked cell; null if it is a record. */
  part_of: string | null;
}

/** A kept step and its wall time in seconds. */
export type KeptStep = [step: number, wallTime: number];

export interface TagEntry {
  metadata: Partial<Metadata> & { description: string };
  steps: KeptStep[];
  /** Whether the number of kept steps has reached its limit, so that others may have been dropped. */
  full?: boolean;
  samples: number;
  /** The last step that has flow, with a tensor or without; null if none has. */
  last_flow?: KeptStep | null;
  error?: string;
  /** The tags of its directions and stacked cells, which are judged separately. */
  parts?: string[];
}

/** run -> tag -> what is logged there. */
export type Tags = Record<string, Record<string, TagEntry>>;

export const REDUCTIONS = {
  mean: "mean",
  mean_abs: "mean |g|",
  rms: "RMS",
  max_abs: "max |g|",
  std: "std",
} as const;

export type Reduction = keyof typeof REDUCTIONS;

/** One sample, or a reduction over all kept samples. */
export type Show = number | Reduction;

/** The user's choice of samples: one of those, each kept sample by itself, or one channel of each. */
export type ShowChoice = Show | "samples" | "channel";

/** Whether a choice needs every kept sample separately. */
export function isOfEachSample(choice: ShowChoice): choice is "samples" | "channel" {
  return choice === "samples" || choice === "channel";
}

/** How the timesteps of each sample are arranged before samples are reduced; absent fields mean as recorded. */
export interface Arrangement {
  /** The columns are lags, ascending, counted from each sample's own last real timestep. */
  time?: "lag";
  /** Half-open ranges of channels whose real timesteps are in reverse order. */
  reversed?: [number, number][];
}

export interface TensorRequest extends Arrangement {
  run: string;
  tag: string;
  step: number;
  wallTime: number;
  show: Show;
  /** The window; null for everything. */
  window: Window | null;
  /** The most blocks; null for every cell. */
  pooled: { rows: number; columns: number } | null;
}

export interface Counts {
  real: number;
  padding: number;
  zero: number;
  nan: number;
  posinf: number;
  neginf: number;
}

/** A view of a record: its numbers in a window, and a summary of the whole view. */
export interface Tensor {
  request: TensorRequest;
  values: Grid<Float32Array>;
  codes: Grid<Uint16Array>;
  /** The number of channels of the whole view. */
  channels: number;
  timesteps: number;
  kept: number;
  batch: number;
  range: [number, number];
  /** The quantiles of the magnitude at `PROBABILITIES`. */
  quantiles: number[];
  counts: Counts;
  narrowed: { flushed: number; overflowed: number };
}

export const PROBABILITIES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995] as const;

/**
 * Statistics of every kept step: [steps, timesteps] for each statistic per timestep or lag, [steps] for each
 * of the batch.
 */
export interface Flow {
  columns: Readonly<Record<string, Float32Array>>;
  batch: Readonly<Record<string, Float32Array>>;
  steps: KeptStep[];
  timesteps: number;
  /** Steps that cannot be read and are left out. */
  damaged: number[];
  /** Whether steps were left out because all of them would be too large to send. */
  sampled: boolean;
}

/** A request to count the values of a record, at one step or at all kept steps, in bins of equal width on `axis`. */
export interface HistogramRequest {
  run: string;
  tag: string;
  /** The step; null for kept steps, evenly spaced. */
  step: KeptStep | null;
  /** The wall time of the newest kept step. When it changes, the set of steps may have changed too. */
  newest: number;
  axis: Scale;
  /** An axis for each channel group; null if `axis` applies to all. */
  gates: Scale[] | null;
  bins: number;
}

/** Counts of cells that are in no bin. `below` and `above` count finite values outside of the axis. */
export interface Apart {
  below: number;
  above: number;
  zero: number;
  nan: number;
  posinf: number;
  neginf: number;
  padding: number;
}

/** Counts of cells of all kept samples, by step, channel group and bin. */
export interface Histogram {
  request: HistogramRequest;
  /** The edges for each channel group. */
  edges: number[][];
  groups: [name: string, size: number][] | null;
  steps: KeptStep[];
  /** The number of kept steps from which these were taken. */
  keptSteps: number;
  counts: number[][][];
  apart: Apart[][];
}
