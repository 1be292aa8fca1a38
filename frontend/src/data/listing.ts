/**
 * What is logged, in order. Every redraw asks this for up to thousands of runs and tags, so answers are kept
 * with the listing.
 */

import { compareRuns } from "./run_order";
import type { TagEntry, Tags } from "./types";

/** Tells whether a view can draw a tag. */
export type Draws = (entry: TagEntry) => boolean;

export const ANY: Draws = () => true;

/** A function whose answers are kept as long as the listing and the other arguments stay. */
function perListing<Asked extends object, Answer>(answer: (tags: Tags, asked: Asked, key: string) => Answer) {
  const answers = new WeakMap<Tags, WeakMap<Asked, Map<string, Answer>>>();
  return (tags: Tags, asked: Asked, key = ""): Answer => {
    const ofTags = answers.get(tags) ?? new WeakMap<Asked, Map<string, Answer>>();
    answers.set(tags, ofTags);
    const known = ofTags.get(asked) ?? new Map<string, Answer>();
    ofTags.set(asked, known);
    const found = known.get(key) ?? answer(tags, asked, key);
    known.set(key, found);
    return found;
  };
}

const ordered = perListing((tags): readonly string[] => Object.keys(tags).sort(compareRuns));

/** Runs with our data, in the order of TensorBoard's dashboards. */
export function orderedRuns(tags: Tags): readonly string[] {
  return ordered(tags, tags);
}

/** Every run: those that TensorBoard knows, and those with our data that it has not listed yet. */
export function everyRun(tags: Tags, known: readonly string[]): readonly string[] {
  return every(tags, known);
}

const every = perListing((tags, known: readonly string[]): readonly string[] =>
  [...new Set([...known, ...Object.keys(tags)])].sort(compareRuns),
);

const drawn = perListing(
  (tags, draws: Draws): ReadonlySet<string> =>
    new Set(Object.keys(tags).filter((run) => Object.values(tags[run]).some(draws))),
);

/** The runs that hold something for `draws`. */
export function drawnRuns(tags: Tags, draws: Draws): ReadonlySet<string> {
  return drawn(tags, draws);
}

/** Every tag of the runs that `draws` accepts. */
export function allTags(tags: Tags, runs: readonly string[], draws: Draws = ANY): readonly string[] {
  return tagsOf(tags, draws, JSON.stringify(runs));
}

const tagsOf = perListing((tags, draws: Draws, key): readonly string[] => {
  const weights = new Map<string, number>();
  for (const run of JSON.parse(key) as string[]) {
    for (const [tag, entry] of Object.entries(tags[run] ?? {})) {
      if (draws(entry)) weights.set(tag, Math.min(weights.get(tag) ?? LAST, weightOf(entry)));
    }
  }
  const places = byPath(tags, tags);
  const keyOf = (tag: string) => (weights.get(tag) as number) * places.size + (places.get(tag) as number);
  return [...weights.keys()].sort((a, b) => keyOf(a) - keyOf(b));
});

const LAST = 2;

/**
 * The sort key of a tag: hidden-state gradients, which vanish or explode, come first; weights, which have no
 * timesteps, last.
 */
function weightOf({ metadata: { quantity } }: TagEntry): number {
  if (quantity === "hidden_state_gradient") return 0;
  return quantity?.startsWith("weight") ? LAST : 1;
}

/** The place of every tag: by folder, and with numbers sorted by value: lstm, lstm_1, lstm_10. */
const byPath = perListing((tags): ReadonlyMap<string, number> => {
  const all = [...new Set(Object.values(tags).flatMap((of) => Object.keys(of)))];
  const paths = all.map((tag) => ({ tag, parts: tag.split("/") }));
  paths.sort((a, b) => comparePaths(a.parts, b.parts));
  return new Map(paths.map(({ tag }, place) => [tag, place]));
});

const COLLATOR = new Intl.Collator("en", { numeric: true });

function comparePaths(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  if (at < 0) return a.length - b.length;
  if (b[at] === undefined) return 1;
  return COLLATOR.compare(a[at], b[at]) || a.join().localeCompare(b.join());
}
