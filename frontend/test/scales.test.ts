import { describe, expect, it } from "vitest";
import { scaleOfQuantity } from "../src/pictures/scales";

describe("the default scale", () => {
  it.each(["hidden_state_gradient", "gate_gradient", "weight_gradient", "itemized_gradient"])(
    "of a %s is symlog",
    (quantity) => {
      expect(scaleOfQuantity(quantity)).toBe("symlog");
    },
  );

  it.each(["weight", "activation", "hidden_state", "cell_state", "other", undefined])(
    "of %s is linear",
    (quantity) => {
      expect(scaleOfQuantity(quantity)).toBe("linear");
    },
  );
});
