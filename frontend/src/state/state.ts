/** Everything the user chose, in one object that the URL mirrors. Null means that the page chooses. */

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

/** The numbers of bins of histograms, and the shares of the highest bar at which bars are cut. */
export const BIN_COUNTS = [16, 32, 64, 128, 256] as const;
export const PEAKS = [1, 0.5, 0.2, 0.05] as const;

/** What shares an axis of histograms: everything of a quantity, or only each run, or each gate or direction. */
export const BIN_AXES = ["shared", "run", "gate"] as const;
export type BinAxes = (typeof BIN_AXES)[number];

/** How histograms over steps are drawn. */
export const OVER_STEPS = ["ridgelines", "heatmap"] as const;
export type OverSteps = (typeof OVER_STEPS)[number];

/** How weights are shown: as matrices at a step, or as norms over training. */
export const WEIGHTS_AS = ["matrices", "norms"] as const;
export type WeightsAs = (typeof WEIGHTS_AS)[number];

/** How heatmaps count time: as recorded, or back from each sample's last real timestep. */
export const TIMES = ["timestep", "lag"] as const;

/** The order of the backward half of bidirectional layers: the input's time, or the order of processing. */
export const BACKWARDS = ["input", "processed"] as const;

/** The numbers of small plots on a page. */
export const PLOTS = [16, 64, 256] as const;

export const SPEEDS = [1, 2, 4, 8, 16] as const;

export type SeriesName = [run: string, tag: string];

export const FLOW_SHOWS = ["maps", "difference"] as const;
export type FlowShow = (typeof FLOW_SHOWS)[number];

/** An order of channels, with the step and samples it was made from. Stepping does not change it. */
export interface ChannelOrder {
  by: OrderName;
  step: number;
  show: Show;
}

/** The height of a card's picture in pixels, and whether the card is as wide as the page. */
export type CardSize = [height: number, wide: boolean];

/** The user's choices, with the thresholds of flags and the share of the largest norm that counts as reached. */
export interface State extends Limits {
  view: View;
  /** Names of the runs and tags shown. */
  runs: string[] | null;
  tags: string[] | null;
  /** The only series shown, whatever runs and tags are chosen; null if all of those are shown. */
  alone: SeriesName[] | null;
  runFilter: string;
  tagFilter: string;
  /** The step; null follows the last one as newer ones come. */
  step: number | null;
  show: ShowChoice;
  /** The scale; null for the one that suits the quantity: symlog for gradients, linear for all else. */
  scale: ScaleName | null;
  map: MapName | null;
  /** Whether the rarer controls are shown. */
  more: boolean;
  /** The typed ends of the colour scale. */
  low: number | null;
  limit: number | null;
  threshold: number | null;
  /**
   * What the colour range covers: the pictures on the page, all their steps, every run at this step, or each
   * picture by itself.
   */
  range: ColourRange;
  /** The percentile that gives the largest magnitude. Values beyond it have the colours of values beyond the range. */
  percentile: Percentile;
  /** The column that sorts the overview. */
  sort: Sorting;
  /** How the overview groups runs, and the regular expression for grouping by one. */
  groupBy: Grouping;
  groupPattern: string;
  /** The scalars drawn above the horizon; null for a loss and an accuracy. */
  scalars: string[] | null;
  /** How strongly charts over training are smoothed, from 0 to below 1, and what their horizontal axis shows. */
  smoothing: number;
  xAxis: XAxis;
  /** The rows of flow maps, and whether two runs are shown as maps or as their ratio. */
  flowAxis: FlowAxis;
  /** The statistic that flow maps show. */
  flowOf: FlowStatisticName;
  /** Whether flow maps are relative to each step's largest value. */
  flowRelative: boolean;
  flowShow: FlowShow;
  /** The visible part of flow maps: timesteps or lags (c0, c1), and training steps (t0, t1). */
  flowWindow: Window | null;
  /** The window of truncated backpropagation through time, in timesteps; null if it is not truncated. */
  bptt: number | null;
  /** Steps a second while playing, and whether to start again after the last. */
  speed: number;
  loop: boolean;
  /** What is compared, each a run and a tag, and B's step if it differs from the slider's. */
  a: SeriesName | null;
  b: SeriesName | null;
  stepB: number | null;
  comparison: Way;
  /** The position of the divider between A and B, from 0 at the left to 1 at the right. */
  swipe: number;
  weightsAs: WeightsAs;
  overSteps: OverSteps;
  bins: (typeof BIN_COUNTS)[number];
  peaks: (typeof PEAKS)[number];
  binAxes: BinAxes;
  /** The channel to show for all samples, one per row; null for the one of the largest norm. */
  channel: number | null;
  /** How many pictures of samples stand side by side; null for as many as fit. */
  columns: number | null;
  /** The only sample whose curves are drawn; null for all. */
  curveSample: number | null;
  /** The number of small plots on a page, and the place of a plot on the current page. */
  plots: (typeof PLOTS)[number];
  firstPlot: number;
  /** The number of timesteps or lags of curves to draw, from the first; null for all. */
  firstTimesteps: number | null;
  /** The series whose cards come first. */
  pinned: SeriesName[];
  /** The sizes of cards that the user resized, by the cards' content. */
  sizes: Record<string, CardSize>;
  /** The channels whose curves are drawn. */
  pins: number[] | null;
  /** The vertical axis of heatmaps. */
  axes: Upright;
  time: (typeof TIMES)[number];
  /** The order of channels; null for numerical order. */
  order: ChannelOrder | null;
  backward: (typeof BACKWARDS)[number];
  /** The visible window of heatmaps: places of channels in their order, and timesteps or lags. */
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
