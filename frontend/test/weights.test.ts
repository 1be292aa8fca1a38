import { describe, expect, it } from "vitest";
import { allTags } from "../src/data/listing";
import { isWeight } from "../src/data/quantities";
import type { TagEntry, Tags, Tensor } from "../src/data/types";
import {
  firstLayer,
  groupNorms,
  layerOf,
  normSteps,
  partOf,
  partsOf,
  weightAxes,
} from "../src/maths/weights";
import { shownTags } from "../src/state/choices";
import { INITIAL } from "../src/state/state";

function entry(quantity: string, layer: string | null = null): TagEntry {
  return { metadata: { quantity, layer, description: "" }, steps: [[0, 1]], samples: 1 };
}

describe("a tag of weights", () => {
  it("gives the names of its rows and columns", () => {
    expect(weightAxes("lstm/kernels/kernel")).toEqual({
      timesteps: "from input feature",
      channels: "to unit",
    });
    expect(weightAxes("bi/weights/forward/recurrent_kernel").timesteps).toBe("from unit");
    expect(weightAxes("lstm/kernels/weight_hh").timesteps).toBe("from unit");
    expect(weightAxes("lstm/kernels/bias").timesteps).toBe("row");
  });

  it("gives the same part for values and gradients", () => {
    expect(partOf("bi/weights/forward/kernel")).toBe("forward/kernel");
    expect(partOf("bi/weight_gradients/forward/kernel")).toBe("forward/kernel");
    expect(partOf("weights")).toBe("");
    expect(partOf("bi/kernels/forward/kernel")).toBe("forward/kernel"); // values, in older files
    expect(partOf("my kernel")).toBe("my kernel");
  });

  it("gives its layer if the record does not", () => {
    expect(layerOf("net/lstm/weights/bias", entry("weight"))).toBe("net/lstm");
    expect(layerOf("net/lstm/weights/bias", entry("weight", "lstm"))).toBe("lstm");
    expect(layerOf("kernel", entry("weight"))).toBe("");
  });
});

describe("the parts of a layer", () => {
  const of = (tag: string, quantity: string) => ({ tag, quantity, one: tag });

  it("pair values and gradients: kernel, then recurrent kernel, then bias", () => {
    const tags = ["bias", "kernel", "recurrent_kernel"].flatMap((part) => [
      of(`l/weights/${part}`, "weight"),
      of(`l/weight_gradients/${part}`, "weight_gradient"),
    ]);
    expect(partsOf(tags)).toEqual(
      ["kernel", "recurrent_kernel", "bias"].map((name) => ({
        name,
        value: `l/weights/${name}`,
        gradient: `l/weight_gradients/${name}`,
      })),
    );
  });

  it("are listed alone if only the value or the gradient is logged", () => {
    expect(partsOf([of("l/weight_gradients/kernel", "weight_gradient")])).toEqual([
      { name: "kernel", value: null, gradient: "l/weight_gradients/kernel" },
    ]);
  });

  it("are listed by direction, forward first", () => {
    const tags = ["backward", "forward"].flatMap((way) =>
      ["bias", "kernel"].map((part) => of(`l/weights/${way}/${part}`, "weight")),
    );
    expect(partsOf(tags).map(({ name }) => name)).toEqual([
      "forward/kernel",
      "forward/bias",
      "backward/kernel",
      "backward/bias",
    ]);
  });
});

describe("the default tags", () => {
  const tags: Tags = {
    run: {
      "a/weights/bias": entry("weight", "a"),
      "a/weights/kernel": entry("weight", "a"),
      "a/output": entry("output_gradient", "a"),
      "b/weight_gradients/kernel": entry("weight_gradient", "b"),
    },
  };

  it("are all those of the first layer", () => {
    expect(shownTags(INITIAL, tags, ["run"], isWeight, firstLayer)).toEqual([
      "a/weights/bias",
      "a/weights/kernel",
    ]);
  });

  it("put weights last if a view draws anything", () => {
    expect(shownTags(INITIAL, tags, ["run"])).toEqual(["a/output"]);
    expect(allTags(tags, ["run"])[0]).toBe("a/output");
  });
});

describe("norms over training", () => {
  it("are L2 norms of each gate's finite values", () => {
    const window = { c0: 0, c1: 3, t0: 0, t1: 2 };
    const values = { values: Float32Array.of(3, 4, Number.NaN, 2, 5, 12), rows: 3, columns: 2, window };
    const tensor = { values } as Tensor;
    expect(
      groupNorms(tensor, [
        ["i", 2],
        ["f", 1],
      ]),
    ).toEqual([
      { name: "i", norm: Math.sqrt(9 + 16 + 4) },
      { name: "f", norm: 13 },
    ]);
    expect(groupNorms(tensor, null)).toEqual([{ name: "", norm: Math.sqrt(29 + 169) }]);
  });

  it("cover evenly spaced steps including the last, and fewer of them for large matrices", () => {
    const steps = Array.from({ length: 500 }, (_, i) => i);
    expect(normSteps(steps, null)).toEqual([499]);
    expect(normSteps(steps, 10)).toHaveLength(100);
    expect(normSteps(steps, 10).at(-1)).toBe(499);
    expect(normSteps(steps, 2 ** 23)).toEqual([0, 499]);
    expect(normSteps([1, 2], 10)).toEqual([1, 2]);
  });
});
