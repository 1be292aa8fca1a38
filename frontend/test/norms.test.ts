import { describe, expect, it } from "vitest";
import { PADDING } from "../src/colour/bfloat16";
import { logEnds, logPlaces, norms } from "../src/maths/heatmap/norms";

function view(rows: number, columns: number, numbers: number[]) {
  const values = Float32Array.from(numbers);
  const window = { c0: 0, c1: rows, t0: 0, t1: columns };
  return { values: { values, rows, columns, window }, window };
}

describe("norms", () => {
  it("are L2 norms of rows over columns, and of columns over rows", () => {
    const { values, window } = view(2, 2, [3, 0, 4, 12]);
    expect([...norms(values, window).columns]).toEqual([5, 12]);
    expect([...norms(values, window).rows]).toEqual([3, Math.hypot(4, 12)]);
  });

  it("cover the window alone", () => {
    const { values } = view(2, 2, [3, 0, 4, 12]);
    expect([...norms(values, { c0: 1, c1: 2, t0: 0, t1: 2 }).rows]).toEqual([Math.hypot(4, 12)]);
  });

  it("do not underflow when they square small gradients", () => {
    const { values, window } = view(1, 1, [1e-30]);
    expect(norms(values, window).rows[0]).toBeCloseTo(1e-30, 36);
  });

  it("leave out padding and values that are not finite, and are NaN if nothing remains", () => {
    const { values, window } = view(1, 3, [2, Number.NaN, Number.POSITIVE_INFINITY]);
    expect([...norms(values, window).columns]).toEqual([2, Number.NaN, Number.NaN]);
    new Uint32Array(values.values.buffer)[0] = PADDING << 16;
    expect(norms(values, window).columns[0]).toBeNaN();
  });
});

describe("a log axis", () => {
  it("covers the positive values, within a limit of decades", () => {
    expect(logEnds(Float64Array.of(0, 1e-3, 1), 8)).toEqual([1e-3, 1]);
    expect(logEnds(Float64Array.of(1e-30, 1), 8)).toEqual([1e-8, 1]);
    expect(logEnds(Float64Array.of(0, Number.NaN), 8)).toBeNull();
  });

  it("gives every decade the same room, and zeros no place", () => {
    const [zero, low, middle] = logPlaces(Float64Array.of(0, 1e-4, 1e-2), 1e-4, 1);
    expect([zero, low]).toEqual([null, 0]);
    expect(middle).toBeCloseTo(0.5, 12);
  });
});
