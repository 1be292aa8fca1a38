/** What the options of the page can be, as far as no other module draws or computes by it. */

import type { Show } from "../data/types";
import type { OrderName } from "../maths/heatmap/order";

export const TAB_NAMES = [
  "overview",
  "flow",
  "heatmap",
  "curves",
  "distribution",
  "weights",
  "jacobian",
  "compare",
] as const;
export type TabName = (typeof TAB_NAMES)[number];

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
export type Time = (typeof TIMES)[number];

/** The order of the backward half of bidirectional layers: the input's time, or the order of processing. */
export const BACKWARDS = ["input", "processed"] as const;

/** The numbers of small plots on a page. */
export const PLOTS = [16, 64, 256] as const;

export const SPEEDS = [1, 2, 4, 8, 16] as const;

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
