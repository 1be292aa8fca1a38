import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Tensor } from "../src/data/types";
import { compare } from "../src/maths/heatmap/compare";

function view(numbers: number[], channels = 1): Tensor {
  const values = Float32Array.from(numbers);
  const codes = toCodes(new Uint32Array(values.buffer));
  const [rows, columns] = [channels, numbers.length / channels];
  const shape = { rows, columns, window: { c0: 0, c1: rows, t0: 0, t1: columns } };
  return {
    values: { values, ...shape },
    codes: { values: codes, ...shape },
    channels: rows,
    timesteps: columns,
  } as Tensor;
}

function compared(a: Tensor, b: Tensor, comparison: "difference" | "ratio"): Tensor {
  const result = compare(a, b, comparison);
  if (typeof result === "string") throw new Error(result);
  return result;
}

describe("a comparison", () => {
  it("subtracts cell by cell", () => {
    const difference = compared(view([3, 1, 5]), view([1, 1, 8]), "difference");
    expect([...difference.values.values]).toEqual([2, 0, -3]);
    expect(difference.range).toEqual([-3, 2]);
    expect(difference.counts).toMatchObject({ real: 3, zero: 1 });
  });

  it("gives the ratio of magnitudes in decades", () => {
    const ratio = compared(view([100, -1, 0, 5, 0]), view([1, 10, 5, 0, 0]), "ratio");
    const values = [...ratio.values.values];
    expect(values.slice(0, 4)).toEqual([2, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(values[4]).toBeNaN();
    expect(ratio.counts).toMatchObject({ nan: 1, posinf: 1, neginf: 1 });
  });

  it("is padding where either view is", () => {
    const a = view([1, 2]);
    a.codes.values[1] = PADDING;
    const difference = compared(a, view([1, 5]), "difference");
    expect(difference.codes.values[1]).toBe(PADDING);
    expect(difference.counts).toMatchObject({ real: 1, padding: 1 });
  });

  it("explains why records of different shapes cannot be compared", () => {
    expect(compare(view([1, 2]), view([1, 2, 3]), "difference")).toContain(
      "A has 1 channels and 2 timesteps",
    );
  });
});
