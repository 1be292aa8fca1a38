/** What a tab is, and what it is given. */

import type { TemplateResult } from "lit";
import type { Cursor } from "../components/base/events";
import type { ScalarListing, ScalarsByRun } from "../data/api";
import type { LoadedFlow } from "../data/flows";
import type { LoadedHistogram } from "../data/histograms";
import type { Series } from "../data/series";
import type { Loaded } from "../data/tensors";
import type { HistogramRequest, ShowChoice, TagEntry, Tensor, TensorRequest } from "../data/types";
import type { Card, Cards, Group } from "../pictures/cards";
import type { State } from "../state/state";

/** What the user chose, what there is of it, and ways to look up what came. */
export interface Page {
  state: Readonly<State>;
  /** Every shown tag of every shown run. */
  series: Series[];
  /** Every run that has something for the tab, shown or not. */
  drawnRuns: readonly string[];
  /** Every kept step of any of them, and the one that the slider names. */
  steps: number[];
  step: number;
  cursor: Cursor | null;
  dark: boolean;
  cards: Cards;
  colourOf(run: string): string;
  /** What is known of a view; asking does not fetch. */
  peek(request: TensorRequest): Loaded;
  /** The flow of a series with the statistics named; asking fetches it. */
  flowOf(series: Series, statistics: readonly string[]): LoadedFlow;
  /** Counts of values in bins; asking fetches them. */
  histogramOf(request: HistogramRequest): LoadedHistogram;
  /** TensorBoard's own scalars and hyperparameters; asking lists them. */
  listScalars(): ScalarListing;
  /** The points of a tag of those; null while they are under way. Asking fetches them. */
  scalarsOf(tag: string): ScalarsByRun | null;
  isPinned(series: Series): boolean;
  /** The pinned channels of some views; where the user pinned none, the one of the largest norm. */
  pinsOf(tensors: readonly Tensor[]): number[];
}

/**
 * Controls above a tab; one that a tab does not use is not shown. Colours: samples, scale, range and map, with
 * colour bars; scale: scale, range and map alone; axis: scale and range, of a y axis.
 */
export type Control = "steps" | "colours" | "scale" | "axis";

/** One question, and the picture that answers it. */
export interface Tab {
  name: string;
  /** What it draws, in words. */
  what: string;
  question: string;
  controls(state: Readonly<State>): readonly Control[];
  /** What it shows of the samples, whatever the others show. */
  show?: ShowChoice;
  /** How many runs it shows at first, where that is not a few. */
  firstRuns?: number;
  /** How many series it draws until more are asked for, where that is not what other views do. */
  most?: number;
  /** Whether it has a picture for a tag; other tags are not offered beside it. */
  draws(entry: TagEntry): boolean;
  /** The tags shown of a run at first, of those that it draws; by default the first alone. */
  first?(tags: readonly string[], entries: Record<string, TagEntry>): string[];
  /** What to say where the runs shown hold no tag that it draws. */
  absent?: TemplateResult;
  /** The statistics of flows that it draws: then the slider goes over all steps of those. */
  statistics?(state: Readonly<State>): readonly string[];
  /** Colours of steps to mark on the slider. */
  marks?(page: Page): ReadonlyMap<number, string>;
  /** What it draws: fetched first, and the slider's neighbours ahead. */
  cards(page: Page): Card[];
  /** What it wants beyond its cards: more detail, single channels. */
  requests(page: Page, cards: Card[]): TensorRequest[];
  render(page: Page, cards: Card[], groups: Group[]): TemplateResult;
}
