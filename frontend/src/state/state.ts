/**
 * Everything the user can choose, in one table: how an option is written in the URL, what it is at first, and
 * whether the next visit finds it as it was left. Null means that the page chooses.
 */

import { SCALE_NAMES } from "../colour/scale";
import { MAP_NAMES } from "../colour/table";
import { FLOW_AXES } from "../maths/flow/flow";
import { SORTINGS } from "../maths/flow/overview_order";
import { FLOW_STATISTIC_NAMES } from "../maths/flow/statistics";
import { ORIENTATIONS } from "../maths/heatmap/axes";
import { WAYS } from "../maths/heatmap/compare";
import { MOST_SMOOTHING, X_AXES } from "../maths/over_training";
import type { Grouping } from "../maths/run_groups";
import {
  type Codec,
  cardSizes,
  channelOrder,
  clippedShare,
  count,
  flag,
  integer,
  names,
  number,
  oneOf,
  orNull,
  place,
  places,
  positive,
  seriesName,
  seriesNames,
  show,
  text,
  textLike,
  window,
  within,
} from "./codecs";
import {
  BACKWARDS,
  BIN_AXES,
  BIN_COUNTS,
  FLOW_SHOWS,
  OVER_STEPS,
  PEAKS,
  PERCENTILES,
  PLOTS,
  RANGES,
  TAB_NAMES,
  TIMES,
  WEIGHTS_AS,
} from "./options";

/** One option. `kept` tells that it outlives a visit. */
interface Field<Value> {
  codec: Codec<Value>;
  initial: Value;
  kept: boolean;
}

/** What is drawn: an option of this visit. */
function choice<Value>(codec: Codec<Value>, initial: NoInfer<Value>): Field<Value> {
  return { codec, initial, kept: false };
}

/** How it is drawn: an option that outlives the visit. */
function setting<Value>(codec: Codec<Value>, initial: NoInfer<Value>): Field<Value> {
  return { codec, initial, kept: true };
}

const share = within(0, 1);

const TABLE = {
  view: setting(oneOf(TAB_NAMES), "overview"),
  /** The names of the runs shown. */
  runs: choice(orNull(names), null),
  /** The names of the tags shown. */
  tags: choice(orNull(names), null),
  /** The only series shown, whatever runs and tags are chosen; null if all of those are shown. */
  alone: choice(orNull(seriesNames), null),
  runFilter: choice(text, ""),
  tagFilter: choice(text, ""),
  /** The step; null follows the last one as newer ones come. */
  step: choice(orNull(integer), null),
  show: choice(show, 0),
  /** The scale; null for the one that suits the quantity: symlog for gradients, linear for all else. */
  scale: setting(orNull(oneOf(SCALE_NAMES)), null),
  map: setting(orNull(oneOf(MAP_NAMES)), null),
  /** The typed lower end of the colour scale. */
  low: choice(orNull(number()), null),
  /** The typed upper end of the colour scale. */
  limit: choice(orNull(positive), null),
  /** The typed magnitude below which symlog is linear and log tells nothing apart. */
  threshold: choice(orNull(positive), null),
  /**
   * What the colour range covers: the pictures on the page, all their steps, every run at this step, or each
   * picture by itself.
   */
  range: setting(oneOf(RANGES), "shared"),
  /** The percentile that gives the largest magnitude. Values beyond it have the colours of values beyond the range. */
  percentile: setting(oneOf(PERCENTILES), 100),
  /** The share of the largest norm at which the memory horizon ends. */
  eps: setting(
    number((value) => value > 0 && value <= 1),
    0.01,
  ),
  /** The thresholds of flags. */
  vanishing: setting(share, 0.1),
  exploding: setting(within(1, Number.MAX_VALUE), 1e3),
  nonfinite: setting(share, 0),
  dead: setting(share, 0.1),
  /** The column that sorts the overview. */
  sort: choice(oneOf(SORTINGS), "-horizon"),
  /** How the overview groups runs. */
  groupBy: choice(textLike<Grouping>(/^(regex|hparams|hparam:.+)?$/), ""),
  /** The regular expression for grouping by one. */
  groupPattern: choice(text, "^(.*?)[-_./]?(?:seed|run|s)?[-_=]?\\d+$"),
  /** The scalars drawn above the horizon; null for a loss and an accuracy. */
  scalars: choice(orNull(names), null),
  /** How strongly charts over training are smoothed, from 0 to below 1. */
  smoothing: setting(within(0, MOST_SMOOTHING), 0),
  /** The horizontal axis of charts over training. */
  xAxis: setting(oneOf(X_AXES), "step"),
  /** The rows of flow maps. */
  flowAxis: setting(oneOf(FLOW_AXES), "timestep"),
  /** The statistic that flow maps show. */
  flowOf: choice(oneOf(FLOW_STATISTIC_NAMES), "norm"),
  /** Whether flow maps are relative to each step's largest value. */
  flowRelative: setting(flag, true),
  /** Whether two runs are shown as maps or as their ratio. */
  flowShow: choice(oneOf(FLOW_SHOWS), "maps"),
  /** The visible part of flow maps: timesteps or lags (c0, c1), and training steps (t0, t1). */
  flowWindow: choice(orNull(window), null),
  /** The window of truncated backpropagation through time, in timesteps; null if it is not truncated. */
  bptt: choice(orNull(count), null),
  /** Steps a second while playing. */
  speed: setting(
    number((value) => value > 0 && value <= 60),
    4,
  ),
  /** Whether playing starts again after the last step. */
  loop: setting(flag, true),
  /** Whether the rarer controls are shown. */
  more: setting(flag, false),
  /** What is compared: a run and a tag. */
  a: choice(orNull(seriesName), null),
  /** What it is compared with. */
  b: choice(orNull(seriesName), null),
  /** B's step, if it differs from the slider's. */
  stepB: choice(orNull(integer), null),
  comparison: choice(oneOf(WAYS), "difference"),
  /** The position of the divider between A and B, from 0 at the left to 1 at the right. */
  swipe: choice(clippedShare, 0.5),
  weightsAs: choice(oneOf(WEIGHTS_AS), "matrices"),
  overSteps: setting(oneOf(OVER_STEPS), "ridgelines"),
  bins: setting(oneOf(BIN_COUNTS), 64),
  peaks: choice(oneOf(PEAKS), 1),
  binAxes: choice(oneOf(BIN_AXES), "shared"),
  /** How many pictures of samples stand side by side; null for as many as fit. */
  columns: choice(orNull(count), null),
  /** The channel to show for all samples, one per row; null for the one of the largest norm. */
  channel: choice(orNull(place), null),
  /** The only sample whose curves are drawn; null for all. */
  curveSample: choice(orNull(place), null),
  /** The number of small plots on a page. */
  plots: setting(oneOf(PLOTS), 64),
  /** The place of a small plot on the current page. */
  firstPlot: choice(place, 0),
  /** The number of timesteps or lags of curves to draw, from the first; null for all. */
  firstTimesteps: choice(orNull(count), null),
  /** The series whose cards come first. */
  pinned: setting(seriesNames, []),
  /** The sizes of cards that the user resized, by the cards' content. */
  sizes: setting(cardSizes, {}),
  /** The channels whose curves are drawn. */
  pins: choice(orNull(places), null),
  /** The vertical axis of heatmaps. */
  axes: setting(oneOf(ORIENTATIONS), "channels"),
  time: setting(oneOf(TIMES), "timestep"),
  /** The order of channels; null for numerical order. */
  order: choice(orNull(channelOrder), null),
  backward: choice(oneOf(BACKWARDS), "input"),
  /** The visible window of heatmaps: places of channels in their order, and timesteps or lags. */
  window: choice(orNull(window), null),
};

type Table = typeof TABLE;

/** The user's choices. */
export type State = { [Key in keyof Table]: Table[Key]["initial"] };

export const FIELDS: { readonly [Key in keyof State]: Field<State[Key]> } = TABLE;

export const KEYS = Object.keys(FIELDS) as (keyof State)[];

/** The state before the user chose anything. */
export const INITIAL: Readonly<State> = initialOf(KEYS);

function initialOf(keys: readonly (keyof State)[]): State {
  return Object.fromEntries(keys.map((key) => [key, FIELDS[key].initial])) as State;
}

/** The options that outlive a visit; the others are as at first. */
export function settingsOf(state: Readonly<State>): State {
  return { ...state, ...initialOf(KEYS.filter((key) => !FIELDS[key].kept)) };
}
