import { expect, test } from "vitest";
import type { TagEntry, Tags } from "../src/data/types";
import { shownOf } from "../src/page/shown";
import { INITIAL, type State } from "../src/state/state";
import type { Tab } from "../src/tabs/tab";

function entry(steps: number, more: Partial<TagEntry> = {}, partOf: string | null = null): TagEntry {
  const kept = Array.from({ length: steps }, (_, step): [number, number] => [step, 1000 + step]);
  return { metadata: { description: "", part_of: partOf }, steps: kept, samples: 1, ...more };
}

/** A record of two directions, whose flow is that of its parts, and a record without parts. */
const TAGS: Tags = {
  run: {
    bi: entry(1, { parts: ["bi/forward", "bi/backward"] }),
    "bi/forward": entry(0, {}, "bi"),
    "bi/backward": entry(0, {}, "bi"),
    uni: entry(1),
  },
};
const ofTensors = { draws: ({ steps }) => steps.length > 0 } as Tab;
const ofParts = { draws: ({ steps }) => steps.length === 0 } as Tab;

function names(state: Partial<State>, tab: Tab, asked = 0): string[] {
  return shownOf({ ...INITIAL, ...state }, TAGS, tab, asked).series.map(({ tag }) => tag);
}

test("series shown alone replace the chosen ones, and end with them", () => {
  const shown = shownOf({ ...INITIAL, tags: ["bi"], alone: [["run", "uni"]] }, TAGS, ofTensors, 0);
  expect(shown.alone).toBe(true);
  expect(shown.series.map(({ tag }) => tag)).toEqual(["uni"]);
  expect(shown.chosen.map(({ tag }) => tag)).toEqual(["bi"]);
  expect(names({ tags: ["bi"], alone: [["run", "gone"]] }, ofTensors)).toEqual(["bi"]);
});

test("parts stand for a record that the tab cannot draw, and a record for its parts, once", () => {
  expect(names({ alone: [["run", "bi"]] }, ofParts)).toEqual(["bi/forward", "bi/backward"]);
  const parts: State["alone"] = [
    ["run", "bi/forward"],
    ["run", "bi/backward"],
  ];
  expect(names({ alone: parts }, ofTensors)).toEqual(["bi"]);
});

test("as many series are drawn as the tab allows, and as many more each time the user asks", () => {
  const few = { ...ofTensors, most: 1 };
  expect(names({ tags: ["bi", "uni"] }, few)).toEqual(["bi"]);
  expect(names({ tags: ["bi", "uni"] }, few, 1)).toEqual(["bi", "uni"]);
});
