import { describe, expect, it } from "vitest";
import { typed } from "../src/components/controls/fields";

describe("a typed number", () => {
  it("is null if the field is empty, and undefined if it does not fit", () => {
    const isPositive = (value: number) => value > 0;
    expect(typed(" ", isPositive)).toBe(null);
    expect(typed("1e-3", isPositive)).toBe(0.001);
    expect(typed("−2", () => true)).toBe(-2);
    for (const text of ["-1", "0", "nine", "Infinity"]) expect(typed(text, isPositive)).toBe(undefined);
  });
});
