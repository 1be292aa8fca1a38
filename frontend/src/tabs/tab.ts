/** What a tab is, and what it receives. */

import type { TemplateResult } from "lit";
import type { Cursor } from "../components/base/events";
import type { ScalarListing, ScalarsByRun } from "../data/api";
import type { LoadedHistogram } from "../data/histograms";
import type { Loaded } from "../data/resource";
import type { Series } from "../data/series";
import type { Flow, HistogramRequest, ShowChoice, TagEntry, Tensor, TensorRequest } from "../data/types";
import type { Card, Cards, Group } from "../pictures/cards";
import type { State } from "../state/state";

/** What the user chose, what exists for it, and ways to look up loaded data. */
export interface Page {
  state: Readonly<State>;
  /** Every shown tag of every shown run. */
  series: Series[];
  /** Every run that has something for the tab, shown or not. */
  drawnRuns: readonly string[];
  /** Every kept step of any of the series, and the step that the slider names. */
  steps: number[];
  step: number;
  cursor: Cursor | null;
  dark: boolean;
  cards: Cards;
  colourOf(run: string): string;
  /** What is known of a view. Calling this does not fetch it. */
  peek(request: TensorRequest): Loaded<Tensor>;
  /** The flow of a series with the named statistics. Calling this fetches it. */
  flowOf(series: Series, statistics: readonly string[]): Loaded<Flow>;
  /** Counts of values in bins. Calling this fetches them. */
  histogramOf(request: HistogramRequest): LoadedHistogram;
  /** TensorBoard's own scalars and hyperparameters. Calling this lists them. */
  listScalars(): ScalarListing;
  /** The points of one of those tags; null while they are loading. Calling this fetches them. */
  scalarsOf(tag: string): ScalarsByRun | null;
  isPinned(series: Series): boolean;
  /** The pinned channels of some views. If the user pinned none, this is the channel of the largest norm. */
  pinsOf(tensors: readonly Tensor[]): number[];
}

/**
 * The controls above a tab. A control that a tab does not use is hidden.
 *
 * Colours: samples, scale, range and map, with colour bars. Scale: scale, range and map alone. Axis: scale
 * and range, for a y axis.
 */
export type Control = "steps" | "colours" | "scale" | "axis";

/** A tab: one question, and the picture that answers it. */
export interface Tab {
  name: string;
  /** What it draws, in words. */
  what: string;
  question: string;
  controls(state: Readonly<State>): readonly Control[];
  /** The samples it shows, whatever other tabs show. */
  show?: ShowChoice;
  /** The number of runs it shows by default, if not the usual few. */
  firstRuns?: number;
  /** The most series it draws until the user asks for more, if not the usual number. */
  most?: number;
  /** Whether it can draw a tag. Other tags are not offered beside it. */
  draws(entry: TagEntry): boolean;
  /** The tags of a run shown by default, among those it can draw; absent for the first alone. */
  first?(tags: readonly string[], entries: Record<string, TagEntry>): string[];
  /** The message if the shown runs hold no tag that it can draw. */
  absent?: TemplateResult;
  /** The flow statistics that it draws. The slider then goes over all steps of those flows. */
  statistics?(state: Readonly<State>): readonly string[];
  /** The colours of steps to mark on the slider. */
  marks?(page: Page): ReadonlyMap<number, string>;
  /** The pictures it draws. They are fetched first, and prefetched for the slider's neighbours. */
  cards(page: Page): Card[];
  /** What it needs beyond its cards: more detail, single channels. */
  requests(page: Page, cards: Card[]): TensorRequest[];
  render(page: Page, cards: Card[], groups: Group[]): TemplateResult;
}
