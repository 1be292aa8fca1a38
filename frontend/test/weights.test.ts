import { describe, expect, it } from "vitest";
import { allTags, shownTags } from "../src/choices";
import type { TagEntry, Tags } from "../src/data/types";
import { INITIAL } from "../src/state";
import { firstLayer, isWeight, layerOf, partOf, partsOf } from "../src/views/weights";

function entry(quantity: string, layer: string | null = null): TagEntry {
  return { metadata: { quantity, layer, description: "" }, steps: [[0, 1]], samples: 1 };
}

describe("a tag of weights", () => {
  it("names the same part for values and gradients", () => {
    expect(partOf("bi/weights/forward/kernel")).toBe("forward/kernel");
    expect(partOf("bi/weight_gradients/forward/kernel")).toBe("forward/kernel");
    expect(partOf("weights")).toBe("");
    expect(partOf("bi/kernels/forward/kernel")).toBe("forward/kernel"); // values, in older files
    expect(partOf("my kernel")).toBe("my kernel");
  });

  it("names its layer where the record does not", () => {
    expect(layerOf("net/lstm/weights/bias", entry("weight"))).toBe("net/lstm");
    expect(layerOf("net/lstm/weights/bias", entry("weight", "lstm"))).toBe("lstm");
    expect(layerOf("kernel", entry("weight"))).toBe("");
  });
});

describe("the parts of a layer", () => {
  const of = (tag: string, quantity: string) => ({ tag, quantity, one: tag });

  it("pair values and gradients, kernel before recurrent kernel before bias", () => {
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

  it("stand alone where only one of the two is logged", () => {
    expect(partsOf([of("l/weight_gradients/kernel", "weight_gradient")])).toEqual([
      { name: "kernel", value: null, gradient: "l/weight_gradients/kernel" },
    ]);
  });

  it("stand by direction, forward first", () => {
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

describe("tags at first", () => {
  const tags: Tags = {
    run: {
      "a/weights/bias": entry("weight", "a"),
      "a/weights/kernel": entry("weight", "a"),
      "a/output": entry("output_gradient", "a"),
      "b/weight_gradients/kernel": entry("weight_gradient", "b"),
    },
  };

  it("are of the first layer, all of them", () => {
    expect(shownTags(INITIAL, tags, ["run"], isWeight, firstLayer)).toEqual([
      "a/weights/bias",
      "a/weights/kernel",
    ]);
  });

  it("are weights last where a view draws anything", () => {
    expect(shownTags(INITIAL, tags, ["run"])).toEqual(["a/output"]);
    expect(allTags(tags, ["run"])[0]).toBe("a/output");
  });
});
