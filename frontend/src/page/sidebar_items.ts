/** What the lists of runs and tags offer. No DOM. */

import { allTags, type Draws, everyRun, orderedRuns } from "../data/listing";
import type { Tags } from "../data/types";

export interface ListItem {
  name: string;
  /** A swatch's colour. */
  colour?: string;
  /** Set apart on the right. */
  note?: string;
}

const NOT_FOUND = "not found";

/** Every run, and those that were chosen but are not there. */
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

/** Every tag that `draws` takes, and those that were chosen but are in no run. */
export function tagItems(tags: Tags, chosen: readonly string[], draws: Draws): ListItem[] {
  const runs = orderedRuns(tags);
  const there = new Set(allTags(tags, runs));
  return [
    ...allTags(tags, runs, draws).map((name) => ({ name })),
    ...chosen.filter((name) => !there.has(name)).map((name) => ({ name, note: NOT_FOUND })),
  ];
}
