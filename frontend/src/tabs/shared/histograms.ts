/** What tabs with histograms share: one axis for everything compared, and the loaded histograms. */

import { type Scale, union } from "../../colour/scale";
import type { Now } from "../../components/histogram/card";
import type { LoadedHistogram } from "../../data/histograms";
import { nearestStep, type Series } from "../../data/series";
import type { HistogramRequest, KeptStep } from "../../data/types";
import { axisOf, binsFor, ownAxes, SCOUTED_BINS } from "../../maths/bins";
import { EXTENT } from "../../maths/flow/flow";
import { type Card, extentsOverSteps, type Group, tensorsOf } from "../../pictures/cards";
import { extentOf } from "../../pictures/scales";
import type { Page } from "../tab";

/** Each series of a group once, as the first of its cards. */
export function seriesOf({ cards }: Group): Card[] {
  return cards.filter(({ series }, i) => cards.findIndex((other) => other.series === series) === i);
}

/** The axis that has a place for every value at every step; null until it is known. */
export function axisFor(page: Page, group: Group): Scale | null {
  const flows = seriesOf(group).map(({ series }) => page.flowOf(series, EXTENT));
  const shown = tensorsOf(group.cards);
  if (flows.some(({ status }) => status === "loading") || shown.length === 0) return null;
  const overSteps = flows.flatMap(extentsOverSteps);
  return axisOf(union([...overSteps, ...shown.map((tensor) => extentOf(tensor))]), group.scale);
}

/** The axis of each series of a group: one that all share, or its own by choice; null until it is known. */
export function histogramAxes(page: Page, group: Group): ReadonlyMap<Series, Scale | null> {
  const shared = page.state.binAxes === "shared" ? axisFor(page, group) : null;
  const own = (series: Series) =>
    axisFor(page, { ...group, cards: group.cards.filter((card) => card.series === series) });
  return new Map(
    seriesOf(group).map(({ series }) => [series, page.state.binAxes === "shared" ? shared : own(series)]),
  );
}

/**
 * The axes of a series' gates and directions, if each is to have its own, from the histograms that find them;
 * until those have arrived `gates` is null.
 */
export function gateAxes(
  page: Page,
  series: Series,
  axis: Scale,
): { scouted: LoadedHistogram | null; gates: Scale[] | null } {
  if (page.state.binAxes !== "gate") return { scouted: null, gates: null };
  const scouted = page.histogramOf({
    ...histogramRequestFor(page, series, axis, null),
    bins: SCOUTED_BINS,
  });
  return { scouted, gates: scouted.status === "ready" ? ownAxes(scouted.last) : null };
}

export function histogramRequestFor(
  { state }: Page,
  { run, tag, entry }: Series,
  axis: Scale,
  step: KeptStep | null,
  gates: Scale[] | null = null,
): HistogramRequest {
  const newest = entry.steps.at(-1)?.[1] ?? 0;
  return { run, tag, step, newest, axis, gates, bins: binsFor(state.bins, gates?.length ?? 1) };
}

/** The histogram at the slider's step: from those over steps if that step is among them, else its own. */
export function histogramNow(
  page: Page,
  series: Series,
  axis: Scale,
  history: LoadedHistogram | null,
  gates: Scale[] | null = null,
): { loaded: LoadedHistogram; now: Now | null } {
  const kept = nearestStep(series.entry.steps, page.step) as KeptStep;
  const index = history?.last?.steps.findIndex(([step]) => step === kept[0]) ?? -1;
  const among = history?.last && index >= 0 ? { histogram: history.last, index } : null;
  if (history?.status === "ready" && among) return { loaded: history, now: among };
  const loaded = page.histogramOf(histogramRequestFor(page, series, axis, kept, gates));
  const own = loaded.last && { histogram: loaded.last, index: 0 };
  return { loaded, now: loaded.status === "ready" ? own : (among ?? own) };
}
