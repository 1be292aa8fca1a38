import { describe, expect, it } from "vitest";
import { typed } from "../src/components/controls/fields";
import { number, orNull, positive } from "../src/state/codecs";

describe("a typed number", () => {
  it("is null if the field is empty, and undefined if it does not fit", () => {
    expect(typed(orNull(positive), " ")).toBe(null);
    expect(typed(positive, " 1e-3")).toBe(0.001);
    expect(typed(number(), "−2")).toBe(-2);
    for (const text of ["-1", "0", "nine", "Infinity"]) expect(typed(positive, text)).toBe(undefined);
  });
});
