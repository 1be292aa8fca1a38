import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Tensor, TensorRequest } from "../src/data/types";
import { csv, fileName, npy, python } from "../src/views/export";

const request: TensorRequest = {
  run: "a/b",
  tag: 'l "1"',
  step: 7,
  wallTime: 0,
  show: 1,
  window: null,
  pooled: null,
};
const window = { c0: 3, c1: 5, t0: 10, t1: 12 };

function view(): Tensor {
  const values = Float32Array.of(Math.fround(0.1), 2, Number.NaN, 0);
  const codes = toCodes(new Uint32Array(values.buffer));
  codes[3] = PADDING;
  const shape = { rows: 2, columns: 2, window };
  return { request, values: { values, ...shape }, codes: { values: codes, ...shape } } as Tensor;
}

describe("exports", () => {
  it("name their file after what they hold", () => {
    expect(fileName(request)).toBe("a-b_l-1-_step7_sample1");
  });

  it("write CSV with a row for each timestep, padding empty", () => {
    expect(csv(view())).toBe("timestep,channel 3,channel 4\n10,0.1,nan\n11,2,\n");
  });

  it("write NPY whose header ends on a multiple of 64 bytes", () => {
    const file = npy(view());
    const header = new TextDecoder().decode(file.slice(10, 10 + file[8] + 256 * file[9]));
    expect((10 + header.length) % 64).toBe(0);
    expect(header).toContain("'fortran_order': True, 'shape': (2, 2)");
    expect(new Float32Array(file.slice(10 + header.length).buffer)[1]).toBe(2);
  });

  it("write Python that names exactly this view", () => {
    expect(python(request, window, "/logs")).toContain(
      'tb_rnngrad.read("/logs", run="a/b", tag="l \\"1\\"").at(7)\nview = record.sequences[1, 10:12, 3:5]',
    );
    expect(python({ ...request, show: "rms" }, null, "/logs")).toContain(
      "np.sqrt((data**2).mean(axis=0))  #",
    );
  });
});
