/** Everything the user chose. One object, mirrored in the URL; null means that the page chooses. */

import type { ScaleName } from "../colour/scale";
import type { MapName } from "../colour/table";
import type { Show, ShowChoice } from "../data/types";
import type { Window } from "../data/window";
import type { FlowAxis } from "../maths/flow/flow";
import type { Limits } from "../maths/flow/history";
import type { Sorting } from "../maths/flow/overview";
import type { FlowStatisticName } from "../maths/flow/statistics";
import type { Upright } from "../maths/heatmap/axes";
import type { Way } from "../maths/heatmap/compare";
import type { OrderName } from "../maths/heatmap/order";
import type { XAxis } from "../maths/over_training";
import type { Grouping } from "../maths/run_groups";

export const VIEWS = [
  "overview",
  "flow",
  "heatmap",
  "curves",
  "distribution",
  "weights",
  "jacobian",
  "compare",
] as const;
export type View = (typeof VIEWS)[number];

export const RANGES = ["shared", "steps", "runs", "each"] as const;
export type ColourRange = (typeof RANGES)[number];

export const PERCENTILES = [100, 99.5, 99, 95] as const;
export type Percentile = (typeof PERCENTILES)[number];

/** Bins of histograms, and the share of the highest bar at which bars are cut. */
export const BIN_COUNTS = [16, 32, 64, 128, 256] as const;
export const PEAKS = [1, 0.5, 0.2, 0.05] as const;

/** What has the same axes of histograms: all of a quantity, each run, or each gate or direction by itself. */
export const BIN_AXES = ["shared", "run", "gate"] as const;
export type BinAxes = (typeof BIN_AXES)[number];

/** How histograms over steps are drawn. */
export const OVER_STEPS = ["ridgelines", "heatmap"] as const;
export type OverSteps = (typeof OVER_STEPS)[number];

/** Weights at a step, or their norms over training. */
export const WEIGHTS_AS = ["matrices", "norms"] as const;
export type WeightsAs = (typeof WEIGHTS_AS)[number];

/** Heatmaps' time as it was recorded, or counted back from each sample's last real timestep. */
export const TIMES = ["timestep", "lag"] as const;

/** The backward half of bidirectional layers in the input's time, or in the order that it was processed. */
export const BACKWARDS = ["input", "processed"] as const;

/** Small plots on a page. */
export const PLOTS = [16, 64, 256] as const;

export const SPEEDS = [1, 2, 4, 8, 16] as const;

export type SeriesName = [run: string, tag: string];

export const FLOW_SHOWS = ["maps", "difference"] as const;
export type FlowShow = (typeof FLOW_SHOWS)[number];

/** An order of channels, and the step and the samples that it was made from: stepping changes none of it. */
export interface ChannelOrder {
  by: OrderName;
  step: number;
  show: Show;
}

/** The height of a card's picture in pixels, and whether the card is as wide as the page. */
export type CardSize = [height: number, wide: boolean];

/** With the thresholds of flags, and the share of the largest norm that counts as reached. */
export interface State extends Limits {
  view: View;
  /** Names of the runs and tags shown. */
  runs: string[] | null;
  tags: string[] | null;
  /** The only ones shown, whatever runs and tags are chosen; null: all of those. */
  alone: SeriesName[] | null;
  runFilter: string;
  tagFilter: string;
  /** Null: the last step, also when newer ones come. */
  step: number | null;
  show: ShowChoice;
  /** Null: what suits the quantity, symlog for gradients and linear for all else. */
  scale: ScaleName | null;
  map: MapName | null;
  /** Whether the rarer controls are shown. */
  more: boolean;
  /** Typed ends of the colour scale. */
  low: number | null;
  limit: number | null;
  threshold: number | null;
  /** What the colour range covers: what is on the page, all steps of that, every run at this step, or each picture alone. */
  range: ColourRange;
  /** The largest magnitude is taken at this percentile; what lies beyond has the end's colour. */
  percentile: Percentile;
  /** The column that the overview is sorted by. */
  sort: Sorting;
  /** How the overview groups runs, and the regular expression where it is by that. */
  groupBy: Grouping;
  groupPattern: string;
  /** The scalars drawn above the horizon; null: a loss and an accuracy. */
  scalars: string[] | null;
  /** How charts over training are smoothed, from 0 to below 1, and what stands below them. */
  smoothing: number;
  xAxis: XAxis;
  /** The rows of flow maps, and whether two runs' maps are shown or their ratio. */
  flowAxis: FlowAxis;
  /** What they show. */
  flowOf: FlowStatisticName;
  /** Whether they show it relative to each step's largest. */
  flowRelative: boolean;
  flowShow: FlowShow;
  /** What flow maps show of timesteps or lags (c0, c1) and training steps (t0, t1). */
  flowWindow: Window | null;
  /** Timesteps in a window of truncated backpropagation through time; null: it is not truncated. */
  bptt: number | null;
  /** Steps a second while playing, and whether to start anew after the last. */
  speed: number;
  loop: boolean;
  /** What is compared, each a run and a tag, and B's step where it is not the slider's. */
  a: SeriesName | null;
  b: SeriesName | null;
  stepB: number | null;
  comparison: Way;
  /** Where the divider between A and B stands, 0 at the left and 1 at the right. */
  swipe: number;
  weightsAs: WeightsAs;
  overSteps: OverSteps;
  bins: (typeof BIN_COUNTS)[number];
  peaks: (typeof PEAKS)[number];
  binAxes: BinAxes;
  /** The channel whose samples are shown, a row each; null: the one of the largest norm. */
  channel: number | null;
  /** How many pictures of samples stand side by side; null: as many as fit. */
  columns: number | null;
  /** The only sample whose curves are drawn; null: all. */
  curveSample: number | null;
  /** Of small plots, how many are on a page, and the place of one that is on it. */
  plots: (typeof PLOTS)[number];
  firstPlot: number;
  /** Only so many timesteps or lags of curves are drawn; null: all. */
  firstTimesteps: number | null;
  /** Series whose cards stand first. */
  pinned: SeriesName[];
  /** Of cards that the user resized, by what they are of. */
  sizes: Record<string, CardSize>;
  /** Channels whose curves are drawn. */
  pins: number[] | null;
  /** What stands upright in heatmaps. */
  axes: Upright;
  time: (typeof TIMES)[number];
  /** Null: by their numbers. */
  order: ChannelOrder | null;
  backward: (typeof BACKWARDS)[number];
  /** What the heatmaps show of channels and timesteps: places in their order, timesteps or lags. */
  window: Window | null;
}

export const INITIAL: Readonly<State> = {
  view: "overview",
  runs: null,
  tags: null,
  alone: null,
  runFilter: "",
  tagFilter: "",
  step: null,
  show: 0,
  scale: null,
  map: null,
  more: false,
  low: null,
  limit: null,
  threshold: null,
  range: "shared",
  percentile: 100,
  eps: 0.01,
  vanishing: 0.1,
  exploding: 1e3,
  nonfinite: 0,
  dead: 0.1,
  sort: "-horizon",
  groupBy: "",
  groupPattern: "^(.*?)[-_./]?(?:seed|run|s)?[-_=]?\\d+$",
  scalars: null,
  smoothing: 0,
  xAxis: "step",
  flowAxis: "timestep",
  flowOf: "norm",
  flowRelative: true,
  flowShow: "maps",
  flowWindow: null,
  bptt: null,
  speed: 4,
  loop: true,
  a: null,
  b: null,
  stepB: null,
  comparison: "difference",
  swipe: 0.5,
  weightsAs: "matrices",
  overSteps: "ridgelines",
  bins: 64,
  peaks: 1,
  binAxes: "shared",
  channel: null,
  columns: null,
  curveSample: null,
  plots: 64,
  firstPlot: 0,
  firstTimesteps: null,
  pinned: [],
  sizes: {},
  pins: null,
  axes: "channels",
  time: "timestep",
  order: null,
  backward: "input",
  window: null,
};

export class Store {
  private current: State;
  private readonly listeners = new Set<() => void>();

  constructor(state: State) {
    this.current = state;
  }

  get state(): Readonly<State> {
    return this.current;
  }

  set(change: Partial<State>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
