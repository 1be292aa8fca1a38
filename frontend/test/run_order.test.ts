import { describe, expect, it } from "vitest";
import { compareRuns } from "../src/data/run_order";
import { runItems } from "../src/page/sidebar_items";

describe("runs", () => {
  const inOrder = (...names: string[]) => {
    expect([...names].reverse().sort(compareRuns)).toEqual(names);
    expect(compareRuns(names[0], names[0])).toBe(0);
  };

  it("are ordered by the numbers in their names", () => {
    inOrder("run", "run1", "run2", "run10", "run10b");
    inOrder("lr=1e-4", "lr=0.001", "lr=1e-2", "lr=0.5");
    inOrder("units=32_seed=2", "units=32_seed=10", "units=128_seed=1");
  });

  it("are ordered as paths: the end of a word comes before its continuation", () => {
    inOrder("train", "train/a", "trainer");
    inOrder("lstm", "lstm_b", "lstm-a");
    inOrder("B", "a");
  });

  it("have an order even if their numbers are equal", () => {
    inOrder("run01", "run1");
  });

  it("are listed in this order, whatever the order in which they began", () => {
    const items = runItems({}, ["run10", "run2", "run1"], [], () => "");
    expect(items.map(({ name }) => name)).toEqual(["run1", "run2", "run10"]);
  });
});
