import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Tensor } from "../src/data/types";
import { samplesTable } from "../src/export/numbers";
import { acrossSamples } from "../src/maths/heatmap/across_samples";

/** A view of [channels, timesteps], with null for padding. */
function view(rows: (number | null)[][], c0 = 0): Tensor {
  const window = { c0, c1: c0 + rows.length, t0: 0, t1: rows[0].length };
  const grid = { rows: rows.length, columns: rows[0].length, window };
  const values = Float32Array.from(rows.flat(), (value) => value ?? Number.NaN);
  const codes = toCodes(new Uint32Array(values.buffer)).map((code, i) =>
    rows.flat()[i] === null ? PADDING : code,
  );
  return {
    values: { ...grid, values },
    codes: { ...grid, values: codes },
    channels: c0 + rows.length,
    timesteps: rows[0].length,
  } as Tensor;
}

describe("one channel of every sample", () => {
  const samples = [
    view([
      [1, 2, 3],
      [4, 0, Number.NaN],
    ]),
    view([
      [5, 6, null],
      [7, Number.POSITIVE_INFINITY, null],
    ]),
  ];

  it("has a row for each sample, and counts special values", () => {
    const found = acrossSamples(samples, 1) as Tensor;
    expect([...found.values.values]).toEqual([4, 0, Number.NaN, 7, Number.POSITIVE_INFINITY, Number.NaN]);
    expect(found.values.window).toEqual({ c0: 0, c1: 2, t0: 0, t1: 3 });
    expect(found.counts).toEqual({ real: 5, padding: 1, zero: 1, nan: 1, posinf: 1, neginf: 0 });
  });

  it("is saved with a row for each timestep and empty fields for padding", () => {
    const table = samplesTable(acrossSamples(samples, 0) as Tensor, "lag");
    expect(table.index).toEqual(["lag", [0, 1, 2]]);
    expect(table.names).toEqual(["sample 0", "sample 1"]);
    expect(table.columns.map((column) => [...(column as number[])])).toEqual([
      [1, 2, 3],
      [5, 6, null],
    ]);
  });

  it("explains why it cannot be shown", () => {
    expect(acrossSamples(samples, 2)).toContain("no channel 2");
    expect(acrossSamples([view([[1]], 3)], 0)).toContain("too large");
  });
});
