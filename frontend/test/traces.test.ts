import { describe, expect, it } from "vitest";
import { CROWD, meanTrace, placed, readable, type Trace, valueAt } from "../src/maths/traces";

function trace(label: string, xs: number[], values: (number | null)[]): Trace {
  return { label, colour: "#111111", dash: [], xs, values };
}

describe("a trace", () => {
  it("is interpolated between its steps, but not beyond them or beside a gap", () => {
    const of = trace("a", [0, 10, 20, 30], [0, 4, null, 2]);
    expect([0, 5, 10, 30].map((step) => valueAt(of, step))).toEqual([0, 2, 4, 2]);
    expect([-1, 15, 20, 25, 31].map((step) => valueAt(of, step))).toEqual([null, null, null, null, null]);
    expect(valueAt(trace("b", [], []), 3)).toBeNull();
  });

  it("has values at its own steps of an axis, and continues between them", () => {
    const axis = new Map([0, 5, 10].map((step, i) => [step, i]));
    expect(placed([0, 10], [1, null], axis)).toEqual([1, undefined, null]);
  });
});

describe("the mean of traces", () => {
  it("has a value at every step of any trace, with a band from the least to the most", () => {
    const mean = meanTrace("both", [trace("a", [0, 10], [0, 10]), trace("b", [0, 5, 10], [2, 3, 4])]);
    expect([mean.xs, mean.values]).toEqual([
      [0, 5, 10],
      [1, 4, 7],
    ]);
    expect(mean.band).toEqual({ low: [0, 3, 4], high: [2, 5, 10] });
  });
});

describe("a large set of traces", () => {
  const of = (count: number) => Array.from({ length: count }, (_, i) => trace(String(i), [0], [i]));

  it("is drawn as its median with a band, and its first traces", () => {
    const drawn = readable(of(40), "#80868b");
    expect(drawn.map(({ label }) => label)).toEqual(["all 40: median, 5–95 %", "0", "1", "2"]);
    expect([drawn[0].values, drawn[0].band]).toEqual([[19], { low: [1], high: [37] }]);
  });

  it("begins where the eye can no longer tell lines apart", () => {
    expect(readable(of(CROWD), "#80868b")).toHaveLength(CROWD);
  });
});
