/** Which series a tab shows. */

import { relatives } from "../data/parts";
import { nameOf, type Series, type SeriesName } from "../data/series";
import type { Tags } from "../data/types";
import { pinnedFirst, shownRuns, shownSeries, shownTags } from "../state/choices";
import type { State } from "../state/state";
import type { Tab } from "../tabs/tab";

/** Draw at most this many of the chosen series, and this many more each time the user asks for more. */
const MOST_SERIES = 64;

export interface Shown {
  runs: string[];
  tags: string[];
  /** Every series of those runs and tags. */
  chosen: Series[];
  /** Whether a few series are shown alone, whatever was chosen. */
  alone: boolean;
  /** The series that are drawn. */
  series: Series[];
}

/** What a tab shows after the user asked for more series so many times. */
export function shownOf(state: State, tags: Tags, tab: Tab, asked: number): Shown {
  const { draws, first, firstRuns, most = MOST_SERIES } = tab;
  const runs = shownRuns(state, tags, draws, firstRuns);
  const shown = shownTags(state, tags, runs, draws, first);
  const chosen = pinnedFirst(shownSeries(tags, runs, shown), state.pinned);
  const alone = drawnAlone(state.alone ?? [], tags, draws);
  const series = (alone.length ? alone : chosen).slice(0, (1 + asked) * most);
  return { runs, tags: shown, chosen, alone: alone.length > 0, series };
}

/**
 * The series to show alone that the tab draws. Where it cannot draw a record, its parts stand for it; where
 * it cannot draw a part, the record does.
 */
function drawnAlone(alone: readonly SeriesName[], tags: Tags, draws: Tab["draws"]): Series[] {
  const seriesOf = (run: string, tag: string): Series[] => {
    const entry = tags[run]?.[tag];
    return entry ? [{ run, tag, entry }] : [];
  };
  const drawn = alone.flatMap(([run, tag]) =>
    seriesOf(run, tag)
      .flatMap((series) =>
        draws(series.entry) ? series : relatives(series.entry).flatMap((other) => seriesOf(run, other)),
      )
      .filter(({ entry }) => draws(entry)),
  );
  return [...new Map(drawn.map((series) => [JSON.stringify(nameOf(series)), series])).values()];
}
