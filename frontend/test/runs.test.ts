import { describe, expect, it } from "vitest";
import { allTags } from "../src/data/listing";
import { hasLags, partName, tagWords, withParts } from "../src/data/parts";
import type { TagEntry, Tags } from "../src/data/types";
import {
  ownerOf,
  progressOf,
  scalarCurves,
  scalarTags,
  stepAtWallTime,
  usualTags,
} from "../src/maths/flow/scalar_curves";
import { groupsBy, hyperparameterNames } from "../src/maths/run_groups";
import { shownTags, undrawn } from "../src/state/choices";
import { INITIAL } from "../src/state/state";

describe("groups of runs", () => {
  const pattern = INITIAL.groupPattern;

  it("are what a regular expression captures of their names", () => {
    const of = groupsBy("regex", pattern, {});
    expect(["lstm_seed1", "lstm-2", "gru/run_13", "gru"].map(of)).toEqual(["lstm", "lstm", "gru", null]);
    expect(groupsBy("regex", "lstm|gru", {})("my_gru_7")).toBe("gru");
    expect(groupsBy("regex", "(", {})("lstm")).toBeNull();
    expect(groupsBy("", pattern, {})("lstm_1")).toBeNull();
  });

  it("have equal hyperparameters but for a seed, which a directory above may hold", () => {
    const all = { a: { units: 8, seed: 1 }, b: { units: 8, seed: 2 }, c: { units: 16 } };
    const of = groupsBy("hparams", "", all);
    expect(["a", "b/train", "c", "d"].map(of)).toEqual(["units=8", "units=8", "units=16", null]);
    expect(groupsBy("hparam:seed", "", all)("b")).toBe("seed=2");
    expect(hyperparameterNames(all)).toEqual(["seed", "units"]);
  });
});

describe("scalars", () => {
  const ours = ["lstm", "lstm/deep"];
  const kept: [number, number][] = [
    [0, 100],
    [40, 110],
    [80, 130],
  ];

  it("belong to the run itself or to our nearest run above it", () => {
    expect(["lstm", "lstm/train", "lstm/deep/train", "gru"].map((run) => ownerOf(run, ours))).toEqual([
      "lstm",
      "lstm",
      "lstm/deep",
      null,
    ]);
    expect(ownerOf("train", ["."])).toBe(".");
  });

  it("of another writer belong to our run in the directory rnngrad beside them", () => {
    const beside = ["net/rnngrad", "rnngrad"];
    expect(["net", "net/train", "net/rnngrad", ".", "other"].map((run) => ownerOf(run, beside))).toEqual([
      "net/rnngrad",
      "net/rnngrad",
      "net/rnngrad",
      "rnngrad",
      null,
    ]);
    expect(ownerOf("net", ["net", "net/rnngrad"])).toBe("net");
    const point = [[0, 110, 2.5]] as [number, number, number][];
    const found = { "net/train": point, net: point, "net/rnngrad": point };
    const curves = scalarCurves("loss", found, ["net/rnngrad"], beside, () => kept);
    expect(curves.map(({ run, below }) => [run, below])).toEqual([
      ["net/rnngrad", ""],
      ["net/rnngrad", ""],
      ["net/rnngrad", "train"],
    ]);
    expect(scalarCurves("loss", { ".": point }, ["rnngrad"], beside, () => kept)[0].below).toBe("");
  });

  it("are offered except for our own, with a loss and an accuracy drawn by default", () => {
    const listed = {
      "lstm/train": ["epoch_loss", "epoch_sparse_categorical_accuracy", "a"],
      lstm: ["lstm_1/hidden_state/memory_horizon"],
      other: ["loss"],
    };
    const tags = scalarTags(listed, ["lstm"], ours);
    expect(tags).toEqual(["a", "epoch_loss", "epoch_sparse_categorical_accuracy"]);
    expect(usualTags(tags)).toEqual(["epoch_loss", "epoch_sparse_categorical_accuracy"]);
    expect(usualTags(["val_loss", "loss"])).toEqual(["loss"]);
    expect(usualTags(["lr"])).toEqual([]);
  });

  it("counted by epoch are placed by their wall times among the records'", () => {
    expect([90, 105, 120, 999].map((wall) => stepAtWallTime(kept, wall))).toEqual([0, 20, 60, 80]);
    const found = {
      "lstm/train": [
        [0, 110, 2.5],
        [1, 130, 1.5],
      ] as [number, number, number][],
    };
    expect(scalarCurves("epoch_loss", found, ["lstm"], ours, () => kept)).toEqual([
      {
        run: "lstm",
        below: "train",
        kept: [
          [40, 110],
          [80, 130],
        ],
        values: [2.5, 1.5],
      },
    ]);
    expect(scalarCurves("loss", found, ["lstm"], ours, () => kept)[0].kept).toEqual([
      [0, 110],
      [1, 130],
    ]);
    expect(scalarCurves("loss", found, ["lstm/deep"], ours, () => kept)).toEqual([]);
  });

  it("give the change of a loss until a step", () => {
    const of = {
      run: "lstm",
      below: "",
      kept: [0, 10, 20].map((step): [number, number] => [step, 100 + step]),
      values: [3, null, 1],
    };
    expect(progressOf("loss", of, 20)).toEqual({ tag: "loss", first: 3, last: 1 });
    expect(progressOf("loss", of, 10)).toBeNull();
  });
});

describe("parts", () => {
  const entry = (change: Partial<TagEntry["metadata"]>, steps: TagEntry["steps"] = []): TagEntry => ({
    metadata: { description: "", quantity: "hidden_state_gradient", ...change },
    steps,
    samples: 1,
  });
  const tags: Tags = withParts({
    bilstm: {
      "low/h": {
        ...entry({}, [[0, 1]]),
        parts: {
          "low/h/backward": entry({ part_of: "low/h", direction: "backward" }),
          "low/h/forward": entry({ part_of: "low/h", direction: "forward" }),
        },
      },
    },
  });
  const { "low/h": whole, "low/h/backward": backward } = tags.bilstm;
  const runs = ["bilstm"];
  const judged = hasLags;
  const tensors = ({ steps }: TagEntry) => steps.length > 0;

  it("are listed in their record, and have names in words", () => {
    expect(whole.parts).toEqual(["low/h/backward", "low/h/forward"]);
    expect([hasLags(whole), hasLags(backward), hasLags(entry({ direction: "both" }))]).toEqual([
      false,
      true,
      false,
    ]);
    expect([partName("low/h/backward", backward), partName("low/h", whole)]).toEqual(["backward", null]);
    expect(tagWords("low/h/backward", backward)).toBe("low/h, backward");
  });

  it("replace their record where it is not drawn, and are replaced by it", () => {
    const of = (chosen: string[], draws: (one: TagEntry) => boolean) =>
      shownTags({ ...INITIAL, tags: chosen }, tags, runs, draws);
    expect(of(["low/h"], judged)).toEqual(["low/h/backward", "low/h/forward"]);
    expect(of(["low/h/backward"], tensors)).toEqual(["low/h"]);
    expect(of(["low/h/backward", "low/h/forward"], tensors)).toEqual(["low/h"]);
    expect(undrawn({ ...INITIAL, tags: ["low/h"] }, tags, runs, judged)).toEqual([]);
    expect(allTags(tags, runs, tensors)).toEqual(["low/h"]);
  });

  it("are shown by default if the record has them", () => {
    expect(shownTags(INITIAL, tags, runs)).toEqual(["low/h/backward", "low/h/forward"]);
  });
});
