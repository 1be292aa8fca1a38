/** The items of the lists of runs and tags. No DOM. */

import { allTags, type Draws, everyRun, orderedRuns } from "../data/listing";
import type { Tags } from "../data/types";

export interface ListItem {
  name: string;
  /** The colour of the swatch. */
  colour?: string;
  /** A note on the right. */
  note?: string;
}

const NOT_FOUND = "not found";

/** Every run, and chosen runs that do not exist. */
export function runItems(
  tags: Tags,
  known: readonly string[],
  chosen: readonly string[],
  colourOf: (run: string) => string,
): ListItem[] {
  const every = everyRun(tags, known);
  const there = new Set(every);
  const item = (name: string, note: string) => ({ name, colour: colourOf(name), note });
  return [
    ...every.map((name) => item(name, tags[name] ? "" : "no data")),
    ...chosen.filter((name) => !there.has(name)).map((name) => item(name, NOT_FOUND)),
  ];
}

/** Every tag that `draws` accepts, and chosen tags that no run has. */
export function tagItems(tags: Tags, chosen: readonly string[], draws: Draws): ListItem[] {
  const runs = orderedRuns(tags);
  const there = new Set(allTags(tags, runs));
  return [
    ...allTags(tags, runs, draws).map((name) => ({ name })),
    ...chosen.filter((name) => !there.has(name)).map((name) => ({ name, note: NOT_FOUND })),
  ];
}
