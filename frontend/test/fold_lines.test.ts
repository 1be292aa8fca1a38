import { describe, expect, it } from "vitest";
import { folded, MOST_LINES } from "../src/maths/fold_lines";

const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ label: `run ${i}`, values: [i, i === 0 ? 5 : null] }));

describe("many lines", () => {
  it("are drawn individually up to a number that the eye can tell apart", () => {
    expect(folded(lines(MOST_LINES))).toBe(null);
  });

  it("become a median and a band over those that have a value", () => {
    expect(folded(lines(41))).toEqual({ count: 41, low: [2, 5], median: [20, 5], high: [38, 5] });
  });

  it("are counted without lines set aside, and have gaps where none has a value", () => {
    const fit = { label: "fit", values: [1e9, 1e9, 1e9], aside: true };
    const found = folded([...lines(13), fit, { label: "longer", values: [6, null, null] }]);
    expect(found).toMatchObject({ count: 14, median: [6, 5, null] });
  });
});
