import { describe, expect, it } from "vitest";
import { channelName } from "../src/data/channel_groups";
import { allTags } from "../src/data/listing";
import { nameOf, nearestStep, unionSteps } from "../src/data/series";
import type { TagEntry, Tags } from "../src/data/types";
import { matcher } from "../src/maths/matcher";
import { comparedSeries, shownRuns, shownSeries, shownTags, stepAt, stepIndex } from "../src/state/choices";
import { INITIAL } from "../src/state/state";

function entry(quantity: string, ...steps: number[]): TagEntry {
  return {
    metadata: { quantity, description: "" },
    steps: steps.map((step) => [step, 1000 + step]),
    samples: 2,
  };
}

const tags: Tags = {
  gru: { "a/output": entry("output_gradient", 0, 10), "b/hidden": entry("hidden_state_gradient", 0, 10) },
  lstm: { "c/hidden": entry("hidden_state_gradient", 5, 10, 20) },
};

describe("tags", () => {
  it("are sorted by folder, with numbers by value", () => {
    const names = ["lstm_10/a", "lstm_2/a", "lstm/b", "lstm/a", "lstm_1/a"];
    const run = Object.fromEntries(names.map((name) => [name, entry("hidden_state_gradient", 0)]));
    expect(allTags({ run }, ["run"])).toEqual(["lstm/a", "lstm/b", "lstm_1/a", "lstm_2/a", "lstm_10/a"]);
  });
});

describe("what is shown at first", () => {
  it("is the runs with data, in TensorBoard's order, with their hidden-state gradients", () => {
    const runs = shownRuns(INITIAL, tags);
    expect(runs).toEqual(["gru", "lstm"]);
    expect(shownTags(INITIAL, tags, runs)).toEqual(["b/hidden", "c/hidden"]);
  });

  it("is only a few of many runs", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`run${i}`, tags.lstm]));
    expect(shownRuns(INITIAL, many)).toEqual(["run0", "run1", "run2", "run3"]);
  });

  it("is the user's choice once there is one", () => {
    const chosen = { ...INITIAL, runs: ["gru"], tags: ["a/output"] };
    expect(shownSeries(tags, shownRuns(chosen, tags), shownTags(chosen, tags, ["gru"]))).toEqual([
      { run: "gru", tag: "a/output", entry: tags.gru["a/output"] },
    ]);
  });
});

describe("the compared series", () => {
  const [first, second, third] = shownSeries(tags, ["gru", "lstm"], ["a/output", "b/hidden", "c/hidden"]);
  const series = [first, second, third];

  it("are the first two until the user chooses", () => {
    expect(comparedSeries(INITIAL, series)).toEqual([first, second]);
    expect(comparedSeries(INITIAL, [first])).toEqual([first, first]);
  });

  it("are the chosen ones, and another beside a single choice", () => {
    expect(comparedSeries({ a: nameOf(third), b: nameOf(first) }, series)).toEqual([third, first]);
    expect(comparedSeries({ a: nameOf(second), b: null }, series)).toEqual([second, first]);
    expect(comparedSeries({ a: ["gru", "gone"], b: nameOf(first) }, series)).toEqual([first, first]);
  });
});

describe("steps", () => {
  const series = shownSeries(tags, ["gru", "lstm"], ["b/hidden", "c/hidden"]);

  it("are those that any run kept", () => {
    expect(unionSteps(series)).toEqual([0, 5, 10, 20]);
  });

  it("come from each run's nearest kept step, the earlier of two equally near", () => {
    expect(nearestStep(tags.lstm["c/hidden"].steps, 15)?.[0]).toBe(10);
    expect(nearestStep(tags.lstm["c/hidden"].steps, 16)?.[0]).toBe(20);
    expect(nearestStep([], 3)).toBeUndefined();
  });

  it("follow newer ones only from the last", () => {
    expect(stepAt([0, 5, 10], 2)).toBeNull();
    expect(stepIndex([0, 5, 10, 15], stepAt([0, 5, 10], 2))).toBe(3);
    expect(stepIndex([0, 5, 10, 15], stepAt([0, 5, 10], 1))).toBe(1);
  });
});

describe("a channel's name", () => {
  it("includes its group and its number in the group", () => {
    const groups: [string, number][] = [
      ["forward", 3],
      ["backward", 3],
    ];
    expect(channelName(4, groups)).toBe("4 (backward 1)");
    expect(channelName(4, null)).toBe("4");
    expect(
      channelName(1, [
        ["t = 9", 1],
        ["t = 24", 1],
      ]),
    ).toBe("1 (t = 24)");
  });
});

describe("a filter", () => {
  it("is a case-insensitive regular expression", () => {
    expect(matcher("^LSTM").test("lstm_1")).toBe(true);
    expect(matcher("^LSTM").test("my_lstm")).toBe(false);
  });

  it("matches everything while it is not yet valid", () => {
    expect(matcher("(")).toMatchObject({ valid: false });
    expect(matcher("(").test("anything")).toBe(true);
  });
});
