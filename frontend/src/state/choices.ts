/** What the page shows by default, and what the user's choices lead to. */

import { ANY, allTags, type Draws, drawnRuns, orderedRuns } from "../data/listing";
import { relatives } from "../data/parts";
import { compareRuns } from "../data/run_order";
import { isNamed, type Series, type SeriesName } from "../data/series";
import type { TagEntry, Tags, Tensor } from "../data/types";
import { leadingChannel } from "../maths/leading";
import type { State } from "./state";

/** Show this many runs by default. */
const FIRST_RUNS = 4;

/** The chosen runs. By default the first runs that hold something for `draws`; if none does, the first with data. */
export function shownRuns(
  state: State,
  tags: Tags,
  draws: Draws = ANY,
  first: number = FIRST_RUNS,
): string[] {
  if (state.runs) return [...state.runs].sort(compareRuns);
  const drawn = drawnRuns(tags, draws);
  const among = drawn.size > 0 ? drawn : drawnRuns(tags, ANY);
  return orderedRuns(tags)
    .filter((run) => among.has(run))
    .slice(0, first);
}

/** Picks the tags of a run to show by default, among those that a view can draw. */
export type First = (tags: readonly string[], entries: Record<string, TagEntry>) => readonly string[];

/** The first tag, or its parts if those are judged instead. */
const FIRST: First = (tags, entries) => {
  const parts = entries[tags[0]]?.parts?.filter((part) => tags.includes(part));
  return parts?.length ? parts : tags.slice(0, 1);
};

/** The chosen tags. By default, and if `draws` accepts none of the chosen ones, the first tag of each shown run. */
export function shownTags(
  state: State,
  tags: Tags,
  runs: readonly string[],
  draws: Draws = ANY,
  first: First = FIRST,
): string[] {
  const all = allTags(tags, runs, draws);
  const drawn = new Set(all);
  const others = undrawn(state, tags, runs, draws);
  const chosen = state.tags && [
    ...new Set(
      state.tags.flatMap((tag) => {
        if (drawn.has(tag)) return [tag];
        const instead = relativesIn(tags, runs, tag).filter((relative) => drawn.has(relative));
        return instead.length || others.includes(tag) ? instead : [tag];
      }),
    ),
  ];
  if (chosen && (chosen.length > 0 || others.length === 0)) return chosen;
  const firsts = new Set(runs.flatMap((run) => first(allTags(tags, [run], draws), tags[run] ?? {})));
  return all.filter((tag) => firsts.has(tag));
}

/** The chosen tags that exist but that `draws` rejects, unless a part or a record of theirs stands for them. */
export function undrawn(state: State, tags: Tags, runs: readonly string[], draws: Draws): string[] {
  if (!state.tags) return [];
  const drawn = new Set(allTags(tags, runs, draws));
  const there = new Set(allTags(tags, runs));
  const stoodFor = (tag: string) => relativesIn(tags, runs, tag).some((relative) => drawn.has(relative));
  return state.tags.filter((tag) => there.has(tag) && !drawn.has(tag) && !stoodFor(tag));
}

/** The tags that stand for one that is not drawn: a record's parts or a part's record, in any of the runs. */
function relativesIn(tags: Tags, runs: readonly string[], tag: string): string[] {
  const found = runs.flatMap((run) => {
    const entry = tags[run]?.[tag];
    return entry ? relatives(entry) : [];
  });
  return [...new Set(found)];
}

export function shownSeries(tags: Tags, runs: readonly string[], shown: readonly string[]): Series[] {
  return runs.flatMap((run) =>
    shown.flatMap((tag) => {
      const entry = tags[run]?.[tag];
      return entry ? [{ run, tag, entry }] : [];
    }),
  );
}

/** The series with the pinned ones first, in the order in which they were pinned. The others keep their order. */
export function pinnedFirst(series: readonly Series[], pinned: State["pinned"]): Series[] {
  const place = (series: Series) => {
    const at = pinned.findIndex((name) => isNamed(series, name));
    return at < 0 ? pinned.length : at;
  };
  return [...series].sort((a, b) => place(a) - place(b));
}

/** The pinned series with one more, or without it if it was pinned already. */
export function togglePinned(pinned: State["pinned"], [run, tag]: SeriesName): SeriesName[] {
  const others = pinned.filter((name) => name[0] !== run || name[1] !== tag);
  return others.length < pinned.length ? others : [...pinned, [run, tag]];
}

/** The two of some series that are compared: the chosen ones, else the first two. A single one stands for both. */
export function comparedSeries(
  { a, b }: Pick<State, "a" | "b">,
  series: readonly Series[],
): [a: Series, b: Series] {
  const find = (name: SeriesName | null) => name && series.find((other) => isNamed(other, name));
  const first = find(a) ?? series[0];
  return [first, find(b) ?? series.find((other) => other !== first) ?? first];
}

/** The index of `step` on the slider. Null and steps beyond the last give the end. */
export function stepIndex(steps: readonly number[], step: number | null): number {
  if (step === null) return steps.length - 1;
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
  }
  return best;
}

/** The step to keep in the state for an index on the slider. The last index gives null, which follows newer steps. */
export function stepAt(steps: readonly number[], index: number): number | null {
  return index >= steps.length - 1 ? null : steps[Math.max(0, index)];
}

/** The channels whose curves are drawn, among those in the views. By default the one of the largest norm. */
export function shownPins({ pins }: Pick<State, "pins">, tensors: readonly Tensor[]): number[] {
  const channels = Math.max(0, ...tensors.map((tensor) => tensor.channels));
  const leading = pins ? null : leadingChannel(tensors);
  return pins ? pins.filter((channel) => channel < channels) : leading === null ? [] : [leading];
}
