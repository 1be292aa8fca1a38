/** What the routes answer; docs/http_api.md describes it. */

import type { Scale } from "../colour/scale";
import type { Grid, Window } from "./window";

export interface Metadata {
  quantity: string;
  layer: string | null;
  framework: string | null;
  channel_groups: [string, number][] | null;
  statistics: string[];
  /** What else is needed to read the numbers, by name; as it was logged, so of any kind. */
  details?: Record<string, unknown> | null;
  description: string;
  title: string;
  symbol: string;
  /** The order in which timesteps are processed; both: a sum of two directions. */
  direction: "forward" | "backward" | "both";
  /** The tag of the record that this is a direction or a stacked cell of; null: of none. */
  part_of: string | null;
}

/** A kept step and its wall time in seconds. */
export type KeptStep = [step: number, wallTime: number];

export interface TagEntry {
  metadata: Partial<Metadata> & { description: string };
  steps: KeptStep[];
  /** Whether as many steps are kept as may be, so that others may have been dropped. */
  full?: boolean;
  samples: number;
  /** The last step that has flow, with a tensor or without; null where none has. */
  last_flow?: KeptStep | null;
  error?: string;
  /** The tags of its directions and stacked cells, each of which is judged by itself. */
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

/** One sample, or a reduction over all kept ones. */
export type Show = number | Reduction;

/** What the user chose to see of the samples: one of those, each kept sample by itself, or one channel of each. */
export type ShowChoice = Show | "samples" | "channel";

/** Whether a choice needs every kept sample by itself. */
export function isOfEachSample(choice: ShowChoice): choice is "samples" | "channel" {
  return choice === "samples" || choice === "channel";
}

/** How the timesteps of each sample stand before samples are reduced; absent: as recorded. */
export interface Arrangement {
  /** Columns are lags, ascending, from each sample's own last real timestep. */
  time?: "lag";
  /** Half-open ranges of channels whose real timesteps stand last to first. */
  reversed?: [number, number][];
}

export interface TensorRequest extends Arrangement {
  run: string;
  tag: string;
  step: number;
  wallTime: number;
  show: Show;
  /** Null: everything. */
  window: Window | null;
  /** At most so many blocks; null: every cell. */
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

/** A view of a record: its numbers in a window, and what the whole of it holds. */
export interface Tensor {
  request: TensorRequest;
  values: Grid<Float32Array>;
  codes: Grid<Uint16Array>;
  /** Of the whole view. */
  channels: number;
  timesteps: number;
  kept: number;
  batch: number;
  range: [number, number];
  /** Of the magnitude, at `PROBABILITIES`. */
  quantiles: number[];
  counts: Counts;
  narrowed: { flushed: number; overflowed: number };
}

export const PROBABILITIES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995] as const;

/** Statistics of every kept step: per timestep or lag, [steps, timesteps] each, and of the batch, [steps] each. */
export interface Flow {
  columns: Readonly<Record<string, Float32Array>>;
  batch: Readonly<Record<string, Float32Array>>;
  steps: KeptStep[];
  timesteps: number;
  /** Steps that cannot be read and are left out. */
  damaged: number[];
  /** Whether steps were left out as all of them would be too large to send. */
  sampled: boolean;
}

/** The values of a record at a step, or of all kept steps, to be counted in bins equally wide on `axis`. */
export interface HistogramRequest {
  run: string;
  tag: string;
  /** Null: kept steps, evenly spaced. */
  step: KeptStep | null;
  /** Wall time of the newest kept step: with another one, all steps are others. */
  newest: number;
  axis: Scale;
  /** An axis for each channel group in its place; null: that one for all. */
  gates: Scale[] | null;
  bins: number;
}

/** Cells that are in no bin; `below` and `above` are finite values outside of the axis. */
export interface Apart {
  below: number;
  above: number;
  zero: number;
  nan: number;
  posinf: number;
  neginf: number;
  padding: number;
}

/** Numbers of cells of all kept samples by step, channel group and bin. */
export interface Histogram {
  request: HistogramRequest;
  /** For each channel group. */
  edges: number[][];
  groups: [name: string, size: number][] | null;
  steps: KeptStep[];
  /** Of how many kept steps those are. */
  keptSteps: number;
  counts: number[][][];
  apart: Apart[][];
}
