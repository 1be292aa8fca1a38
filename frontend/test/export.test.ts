import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Tensor, TensorRequest } from "../src/data/types";
import { channelsAt, csv, fileName, npy, pick, tableCsv, tableNpy } from "../src/export/numbers";
import { python } from "../src/export/python";

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

const AXES = { timesteps: "timestep", channels: "channel" };

describe("exports", () => {
  it("name their file after its content", () => {
    expect(fileName(request)).toBe("a-b_l-1-_step7_sample1");
  });

  it("write CSV with a row for each timestep and empty fields for padding", () => {
    expect(csv(view(), [3, 4], AXES)).toBe("timestep,channel 3,channel 4\n10,0.1,nan\n11,2,\n");
  });

  it("use the axis names of matrices", () => {
    const axes = { timesteps: "state at timestep t", channels: "timestep s" };
    expect(csv(view(), [3, 4], axes)).toMatch(/^state at timestep t,timestep s 3,timestep s 4\n10,/);
  });

  it("name chosen rows by their timesteps, and name the quantity", () => {
    const axes = {
      timesteps: "state at timestep t",
      channels: "input at timestep s",
      numbers: [...Array(10).fill(0), 40, 50],
      values: "log10 |dh_t/dx_s|_F, geometric mean over samples",
    };
    expect(csv(view(), [3], axes)).toBe(
      '"state at timestep t (log10 |dh_t/dx_s|_F, geometric mean over samples)",input at timestep s 3\n40,0.1\n50,2\n',
    );
    expect(python(request, window, null, "/logs", axes)).toContain(
      "[10:12, 3:5]  # [state at timestep t, input at timestep s]: log10 |dh_t/dx_s|_F, geometric mean over samples\n" +
        "rows = [40, 50]  # the timestep t of each row\n",
    );
  });

  it("name lags, and mark channels in the order of processing", () => {
    const arranged = { ...view(), request: { ...request, time: "lag", reversed: [[4, 8]] } } as Tensor;
    expect(csv(arranged, [3, 4], AXES)).toMatch(/^lag,channel 3,channel 4 as processed\n10,/);
    expect(fileName(arranged.request)).toBe("a-b_l-1-_step7_sample1_lag_processed");
  });

  it("hold ordered channels in that order, under their own numbers", () => {
    const { values, codes } = view();
    const whole = { ...window, c0: 0, c1: 2 };
    const every = {
      ...view(),
      values: { ...values, window: whole },
      codes: { ...codes, window: whole },
    } as Tensor;
    const order = { channels: Uint32Array.of(1, 0), places: Uint32Array.of(1, 0) };
    expect(channelsAt(whole, order)).toEqual([1, 0]);
    expect(csv(pick(every, [1, 0]), [1, 0], AXES)).toBe("timestep,channel 1,channel 0\n10,nan,0.1\n11,,2\n");
    expect(pick(every, [1]).values).toMatchObject({ rows: 1, columns: 2 });
  });

  it("write tables with the rows' numbers, and empty fields where there is no number", () => {
    const table = {
      index: ["step", [0, 10]] as [string, number[]],
      names: ['a, "b"', "c"],
      columns: [
        [Math.fround(0.1), null],
        [undefined, Number.POSITIVE_INFINITY],
      ],
    };
    expect(tableCsv(table)).toBe('step,"a, ""b""",c\n0,0.1,\n10,,inf\n');
    const file = tableNpy(table);
    const values = new Float64Array(file.slice(-4 * 8).buffer);
    expect([...values]).toEqual([Math.fround(0.1), Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(new TextDecoder().decode(file.slice(10, 90))).toContain(
      "'<f8', 'fortran_order': True, 'shape': (2, 2)",
    );
  });

  it("write NPY with a header that ends on a multiple of 64 bytes", () => {
    const file = npy(view());
    const header = new TextDecoder().decode(file.slice(10, 10 + file[8] + 256 * file[9]));
    expect((10 + header.length) % 64).toBe(0);
    expect(header).toContain("'fortran_order': True, 'shape': (2, 2)");
    expect(new Float32Array(file.slice(10 + header.length).buffer)[1]).toBe(2);
  });

  it("write Python that reads exactly this view", () => {
    expect(python(request, window, null, "/logs")).toContain(
      'tb_rnngrad.read("/logs", run="a/b", tag="l \\"1\\"").at(7)\nview = record.sequences[1][10:12, 3:5]  #',
    );
    expect(python({ ...request, show: "rms" }, null, null, "/logs")).toContain(
      "np.sqrt((data**2).mean(axis=0))  #",
    );
    const order = { channels: Uint32Array.of(2, 0, 1), places: Uint32Array.of(1, 2, 0) };
    expect(python(request, null, order, "/logs")).toContain("record.sequences[1][:, [2, 0, 1]]");
    expect(python(request, { c0: 1, c1: 3, t0: 4, t1: 9 }, order, "/logs")).toContain("[4:9, [0, 1]]");
  });
});
