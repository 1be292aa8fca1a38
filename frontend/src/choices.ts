/** What the page shows where the user did not choose, and what a choice amounts to. */

import { relatives } from "./data/parts";
import type { KeptStep, TagEntry, Tags, Tensor } from "./data/types";
import type { SeriesName, State } from "./state";
import { type Groups, rangesOf } from "./views/groups";
import { leadingChannel } from "./views/leading";

/** As many runs are shown at first. */
const FIRST_RUNS = 4;

/** One picture: a tag of a run. */
export interface Series {
  run: string;
  tag: string;
  entry: TagEntry;
}

/** Runs in TensorBoard's order; those it did not list (yet) last. */
export function orderedRuns(tags: Tags, known: readonly string[]): string[] {
  const place = (run: string) => (known.includes(run) ? known.indexOf(run) : known.length);
  return Object.keys(tags).sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

/** Tells tags that a view can draw from others. */
export type Draws = (entry: TagEntry) => boolean;

const ANY: Draws = () => true;

/** Every tag of the runs that `draws` takes. */
export function allTags(tags: Tags, runs: readonly string[], draws: Draws = ANY): string[] {
  const drawn = (run: string) => Object.entries(tags[run] ?? {}).filter(([, entry]) => draws(entry));
  const found = new Set(runs.flatMap((run) => drawn(run).map(([tag]) => tag)));
  return [...found].sort((a, b) => weight(tags, runs, a) - weight(tags, runs, b) || byPath(a, b));
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Folder by folder, numbers by their size: lstm, lstm_1, lstm_10. */
function byPath(a: string, b: string): number {
  const [one, other] = [a.split("/"), b.split("/")];
  const at = one.findIndex((part, i) => part !== other[i]);
  if (at < 0) return one.length - other.length;
  return other[at] === undefined ? 1 : COLLATOR.compare(one[at], other[at]) || a.localeCompare(b);
}

/** Hidden-state gradients first: they are what vanishes or explodes. Weights, which have no timesteps, last. */
function weight(tags: Tags, runs: readonly string[], tag: string): number {
  const quantities = runs.map((run) => tags[run]?.[tag]?.metadata.quantity);
  if (quantities.includes("hidden_state_gradient")) return 0;
  return quantities.some((quantity) => quantity?.startsWith("weight")) ? 2 : 1;
}

export function shownRuns(
  state: State,
  tags: Tags,
  known: readonly string[],
  first: number = FIRST_RUNS,
): string[] {
  if (state.runs) return [...state.runs];
  return orderedRuns(tags, known)
    .filter((run) => Object.keys(tags[run]).length > 0)
    .slice(0, first);
}

/** Picks the tags of a run to show at first, of those that a view can draw. */
export type First = (tags: readonly string[], entries: Record<string, TagEntry>) => readonly string[];

/** The first, or its parts where it is judged by them. */
const FIRST: First = (tags, entries) => {
  const parts = entries[tags[0]]?.parts?.filter((part) => tags.includes(part));
  return parts?.length ? parts : tags.slice(0, 1);
};

/** The chosen tags; by default, and where `draws` takes none of the chosen ones, each shown run's first. */
export function shownTags(
  state: State,
  tags: Tags,
  runs: readonly string[],
  draws: Draws = ANY,
  first: First = FIRST,
): string[] {
  const all = allTags(tags, runs, draws);
  const others = undrawn(state, tags, runs, draws);
  const chosen = state.tags && [
    ...new Set(
      state.tags.flatMap((tag) => {
        const instead = relativesIn(tags, runs, tag).filter((one) => all.includes(one));
        if (instead.length && !all.includes(tag)) return instead;
        return others.includes(tag) ? [] : [tag];
      }),
    ),
  ];
  if (chosen && (chosen.length > 0 || others.length === 0)) return chosen;
  const firsts = new Set(runs.flatMap((run) => first(allTags(tags, [run], draws), tags[run] ?? {})));
  return all.filter((tag) => firsts.has(tag));
}

/** The chosen tags that are there, but not for `draws`, and that no part or record of theirs stands for. */
export function undrawn(state: State, tags: Tags, runs: readonly string[], draws: Draws): string[] {
  const drawn = allTags(tags, runs, draws);
  const there = allTags(tags, runs);
  const stoodFor = (tag: string) => relativesIn(tags, runs, tag).some((one) => drawn.includes(one));
  return (state.tags ?? []).filter((tag) => there.includes(tag) && !drawn.includes(tag) && !stoodFor(tag));
}

/** In any of the runs, a record's parts, or a part's record: what stands for a tag where that is not drawn. */
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

/** Every kept step of any of the series, ascending; of a series, its records' or what `stepsOf` says. */
export function unionSteps(
  series: readonly Series[],
  stepsOf: (one: Series) => readonly KeptStep[] = ({ entry }) => entry.steps,
): number[] {
  const steps = new Set(series.flatMap((one) => stepsOf(one).map(([step]) => step)));
  return [...steps].sort((a, b) => a - b);
}

/** Series that the user pinned first, in the order they were pinned; the others as they were. */
export function pinnedFirst(series: readonly Series[], pinned: State["pinned"]): Series[] {
  const place = ({ run, tag }: Series) => {
    const at = pinned.findIndex((name) => name[0] === run && name[1] === tag);
    return at < 0 ? pinned.length : at;
  };
  return [...series].sort((a, b) => place(a) - place(b));
}

/** The pinned ones with this one too, or without it where it was among them. */
export function togglePinned(pinned: State["pinned"], [run, tag]: SeriesName): SeriesName[] {
  const others = pinned.filter((name) => name[0] !== run || name[1] !== tag);
  return others.length < pinned.length ? others : [...pinned, [run, tag]];
}

/** The kept step nearest to `step`, the earlier of two as near. */
export function nearestStep(steps: readonly KeptStep[], step: number): KeptStep | undefined {
  let nearest: KeptStep | undefined;
  for (const kept of steps) {
    if (!nearest || Math.abs(kept[0] - step) < Math.abs(nearest[0] - step)) nearest = kept;
  }
  return nearest;
}

/** Place of `step` on the slider; null, or beyond the last: at its end. */
export function stepIndex(steps: readonly number[], step: number | null): number {
  if (step === null) return steps.length - 1;
  let best = 0;
  for (let i = 1; i < steps.length; i++) {
    if (Math.abs(steps[i] - step) < Math.abs(steps[best] - step)) best = i;
  }
  return best;
}

/** What to keep in the state for a place on the slider: the last one follows newer steps. */
export function stepAt(steps: readonly number[], index: number): number | null {
  return index >= steps.length - 1 ? null : steps[Math.max(0, index)];
}

/** The channels whose curves are drawn, of those that some views have; by default the one of the largest norm. */
export function shownPins({ pins }: Pick<State, "pins">, tensors: readonly Tensor[]): number[] {
  const channels = Math.max(0, ...tensors.map((tensor) => tensor.channels));
  const leading = pins ? null : leadingChannel(tensors);
  return pins ? pins.filter((channel) => channel < channels) : leading === null ? [] : [leading];
}

/** A channel's number, with the name of its group and, where that has several, its number there. */
export function channelName(channel: number, groups: Groups | null | undefined): string {
  const found = rangesOf(groups ?? []).find(({ to }) => channel < to);
  if (!found) return String(channel);
  const { name, from, to } = found;
  return `${channel} (${to - from > 1 ? `${name} ${channel - from}` : name})`;
}

/** Whether `text` matches the filter, a regular expression; one that is none matches everything. */
export function matcher(filter: string): { test(text: string): boolean; valid: boolean } {
  try {
    const expression = new RegExp(filter, "i");
    return { test: (text) => expression.test(text), valid: true };
  } catch (error) {
    if (error instanceof SyntaxError) return { test: () => true, valid: false };
    throw error;
  }
}
