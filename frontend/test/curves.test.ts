import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Scale } from "../src/colour/scale";
import type { Tensor } from "../src/data/types";
import { tableCsv } from "../src/export/numbers";
import {
  bandsOf,
  type Curve,
  curvesOf,
  drawnOn,
  freeScale,
  holds,
  nearestCurve,
  neededOf,
  pageAt,
  quantilesOf,
  rangeOf,
  spanOf,
  specialWords,
  thinned,
  traceOf,
  valueAtTime,
  viewOf,
} from "../src/maths/curves";
import { curvesTable, svgPlots } from "../src/tabs/curves/export";
import { acrossOf, pathData, strokeOutline, timestepAt } from "../src/tabs/curves/painter";

const SYMLOG: Scale = { name: "symlog", low: -1, high: 1, threshold: 1e-3 };

/** A view of channels from `c0` on and `timesteps` timesteps, in as many blocks as each row has numbers. */
function view(rows: number[][], { c0 = 0, timesteps = rows[0].length } = {}): Tensor {
  const values = Float32Array.from(rows.flat());
  const window = { c0, c1: c0 + rows.length, t0: 0, t1: timesteps };
  const grid = { rows: rows.length, columns: rows[0].length, window };
  return {
    values: { ...grid, values },
    codes: { ...grid, values: toCodes(new Uint32Array(values.buffer)) },
    channels: 100,
    timesteps,
  } as Tensor;
}

function trace(...values: number[]) {
  return { times: Float64Array.from(values, (_, t) => t), values: Float32Array.from(values), specials: [] };
}

function curve(sample: number, ...values: number[]): Curve {
  return { sample, channel: 0, trace: trace(...values) };
}

describe("a page of channels", () => {
  it("starts at a multiple of its size and ends at the last channel", () => {
    expect(pageAt(0, 64, [0, 100])).toEqual([0, 64]);
    expect(pageAt(70, 64, [0, 100])).toEqual([64, 100]);
    expect(pageAt(64, 16, [0, 100])).toEqual([64, 80]);
  });

  it("stays within the zoomed channels", () => {
    expect(pageAt(0, 16, [10, 40])).toEqual([10, 26]);
    expect(pageAt(99, 16, [10, 40])).toEqual([26, 40]);
  });
});

describe("the timesteps seen", () => {
  it("are the zoomed ones among the first ones", () => {
    const window = { c0: 0, c1: 1, t0: 5, t1: 30 };
    expect(spanOf(40, null, null)).toEqual([0, 40]);
    expect(spanOf(40, 10, null)).toEqual([0, 10]);
    expect(spanOf(40, 10, window)).toEqual([5, 10]);
  });

  it("are the first ones if the zoomed window contains none of them", () => {
    expect(spanOf(40, 4, { c0: 0, c1: 1, t0: 5, t1: 30 })).toEqual([0, 4]);
  });
});

describe("a trace", () => {
  it("has the values of its channel within the span", () => {
    const tensor = view([[1, 2, 3], [4, 5, 6]], { c0: 7 }); // biome-ignore format: as a matrix
    expect([...traceOf(tensor, 8, [1, 3]).values]).toEqual([5, 6]);
    expect([...traceOf(tensor, 8, [1, 3]).times]).toEqual([1, 2]);
    expect(holds(tensor, 8)).toBe(true);
    expect(holds(tensor, 6)).toBe(false);
  });

  it("has a gap at values that are not finite", () => {
    const tensor = view([[1, Number.POSITIVE_INFINITY, Number.NaN, 2]]);
    expect([...traceOf(tensor, 0, [0, 4]).values]).toEqual([1, Number.NaN, Number.NaN, 2]);
  });

  it("has points in the middle of pooled timesteps", () => {
    expect([...traceOf(view([[1, 2]], { timesteps: 6 }), 0, [0, 6]).times]).toEqual([1, 4]);
  });

  it("is empty beyond the last timestep", () => {
    expect(traceOf(view([[1, 2]]), 0, [5, 9]).values).toHaveLength(0);
  });

  it("gives the value at the nearest time", () => {
    const pooled = traceOf(view([[1, 2]], { timesteps: 6 }), 0, [0, 6]);
    expect([0, 2, 3, 5].map((t) => valueAtTime(pooled, t))).toEqual([1, 1, 2, 2]);
    expect(valueAtTime(trace(), 0)).toBeNaN();
  });
});

describe("quantile bands", () => {
  it("are linear between ranks", () => {
    const curves = Array.from({ length: 21 }, (_, i) => Float32Array.of((20 - i) * 10));
    expect(quantilesOf(curves).map(([value]) => value)).toEqual([10, 50, 100, 150, 190]);
    expect(quantilesOf([Float32Array.of(0), Float32Array.of(4)]).map(([value]) => value)).toEqual([
      Math.fround(0.2),
      1,
      2,
      3,
      Math.fround(3.8),
    ]);
  });

  it("use only curves that have a value, and have gaps where no curve does", () => {
    const bands = quantilesOf([Float32Array.of(1, Number.NaN), Float32Array.of(Number.NaN, Number.NaN)]);
    expect(bands.map(([value]) => value)).toEqual([1, 1, 1, 1, 1]);
    expect(bands.every((band) => Number.isNaN(band[1]))).toBe(true);
  });
});

describe("a trace on a logarithmic axis", () => {
  it("has magnitudes, and a gap at 0", () => {
    const log: Scale = { name: "log", low: 0.1, high: 1, threshold: 0.1 };
    expect([...drawnOn(trace(-1, 0, 0.5), log).values]).toEqual([1, Number.NaN, 0.5]);
    expect([...drawnOn(trace(-1, 0), SYMLOG).values]).toEqual([-1, 0]);
  });
});

describe("a thinned path", () => {
  it("keeps every point if there is room", () => {
    expect(thinned(Float32Array.of(3, 1, 2), 2)).toEqual([0, 1, 2]);
  });

  it("keeps the least and greatest value of each pixel, in the order of time", () => {
    const values = Float32Array.of(0, 9, 1, -9, 0, 0, 5, 5, 5, 5, 5, 7);
    expect(thinned(values, 2)).toEqual([1, 3, 6, 11]);
  });

  it("keeps a single value between gaps", () => {
    const values = new Float32Array(12).fill(Number.NaN);
    values[7] = 1;
    expect(thinned(values, 3)).toContain(7);
  });
});

describe("a free axis", () => {
  it("ends at the plot's own values and includes 0", () => {
    const scale = freeScale(SYMLOG, [curve(0, 0.25, 0.5), curve(1, Number.NaN, 0.125)]);
    expect([scale.low, scale.high]).toEqual([0, 0.5]);
    expect(freeScale(SYMLOG, [curve(0, -0.5, 0.25)])).toMatchObject({ low: -0.5, high: 0.25 });
  });

  it("spans as many decades as the shared axis", () => {
    expect(freeScale(SYMLOG, [curve(0, 1e-6)]).threshold).toBeCloseTo(1e-9, 15);
    const log: Scale = { name: "log", low: 1e-3, high: 1, threshold: 1e-3 };
    const free = freeScale(log, [curve(0, 0.5)]);
    expect([free.low, free.high, free.threshold]).toEqual([5e-4, 0.5, 5e-4]);
  });

  it("is the shared axis if all values are 0", () => {
    expect(freeScale(SYMLOG, [curve(0, 0, 0)])).toBe(SYMLOG);
  });
});

describe("the nearest curve", () => {
  const linear: Scale = { name: "linear", low: -1, high: 1, threshold: 1 };

  it("is the one whose value is nearest on the scale", () => {
    const curves = [curve(4, -1, 0.1), curve(7, 1, -0.5)];
    expect(nearestCurve(curves, 1, 0.3, linear)?.sample).toBe(7);
    expect(nearestCurve(curves, 0, 0.1, linear)?.sample).toBe(4);
  });

  it("does not exist in a gap", () => {
    expect(nearestCurve([curve(0, Number.NaN)], 0, 0.5, linear)).toBeNull();
    expect(nearestCurve([curve(0, 0)], 0, 0.5, { ...linear, name: "log", low: 0.1 })).toBeNull();
  });
});

describe("values without a point", () => {
  const specials = view([[0, 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1]]);
  specials.codes.values[5] = PADDING;
  specials.values.values[5] = Number.NaN;
  const samples = [0, 1].map((sample) => ({ sample, views: [specials] }));

  it("are marked by their kind, except padding", () => {
    const { values, specials: marks } = traceOf(specials, 0, [0, 6]);
    expect([...values]).toEqual([0, 1, ...new Array(4).fill(Number.NaN)]);
    expect(marks).toEqual([[2, "NaN"], [3, "+Inf"], [4, "−Inf"]]); // biome-ignore format: as pairs
    expect(specialWords(curvesOf(samples, [0], [0, 6], SYMLOG))).toBe("2 NaN, 2 +Inf, 2 −Inf");
  });

  it("include exact zeros if the axis is logarithmic", () => {
    const log: Scale = { name: "log", low: 0.1, high: 1, threshold: 0.1 };
    expect(specialWords(curvesOf(samples.slice(1), [0], [0, 2], log))).toBe("1 exact 0");
    expect(specialWords(curvesOf(samples, [0], [0, 2], SYMLOG))).toBe("");
  });
});

describe("the curves of some channels", () => {
  const page = view([[1, 2], [3, 4]], { c0: 4, timesteps: 4 }); // biome-ignore format: as a matrix
  const whole = view([[5, 6, 7, 8]], { c0: 5 });

  it("come from every sample that holds them", () => {
    const samples = [{ sample: 0, views: [page] }, { sample: 3, views: [whole] }]; // biome-ignore format: as pairs
    const found = curvesOf(samples, [4, 5, 9], [0, 4], SYMLOG);
    expect(found.map(({ sample, channel }) => [sample, channel])).toEqual([[0, 4], [0, 5], [3, 5]]); // biome-ignore format: as pairs
    expect(rangeOf(found)).toEqual([1, 8]);
    expect(rangeOf([])).toBeNull();
  });

  it("come from the view with the finest timesteps", () => {
    expect(viewOf([page, whole], 5)).toBe(whole);
    expect(viewOf([page, whole], 4)).toBe(page);
    expect(viewOf([page, whole], 6)).toBeNull();
  });

  it("have one band for each channel", () => {
    const samples = [{ sample: 0, views: [page] }];
    expect(bandsOf(curvesOf(samples, [4, 5], [0, 4], SYMLOG)).map(({ channel }) => channel)).toEqual([4, 5]);
  });
});

describe("what a page of plots needs", () => {
  it("is its channels at every timestep, if all samples fit", () => {
    const { window, pooled } = neededOf([64, 128], 1403, [100, 200], null, 16);
    expect(window).toMatchObject({ c0: 64, c1: 128, t0: 0 });
    expect(window.t1).toBeGreaterThanOrEqual(1403);
    expect(pooled).toEqual({ rows: 64, columns: 16384 });
  });

  it("is the same before and after the record's size is known", () => {
    expect(neededOf([0, 64], null, null, null, 16)).toEqual(neededOf([0, 64], 1403, [0, 1403], null, 16));
  });

  it("is the first timesteps, or the zoomed ones if a record does not fit", () => {
    expect(neededOf([0, 64], 1403, [0, 50], 50, 16).window).toMatchObject({ t0: 0, t1: 50 });
    const large = neededOf([0, 256], 10_000, [2000, 3000], null, 64);
    expect(large.window).toMatchObject({ t0: 2000, t1: 3000 });
    expect(large.pooled.columns * 256 * 64).toBeLessThanOrEqual(2 ** 24);
  });
});

describe("a frame", () => {
  const scale: Scale = { name: "linear", low: -1, high: 1, threshold: 1 };
  const span: [number, number] = [2, 6];
  const frame = { scale, span, turned: false, width: 40, height: 20 };

  it("has each timestep at its middle, and lags from right to left", () => {
    expect([2, 5].map((t) => acrossOf(t, frame))).toEqual([5, 35]);
    expect([2, 5].map((t) => acrossOf(t, { ...frame, turned: true }))).toEqual([35, 5]);
    for (const turned of [false, true]) {
      const at = [2, 3, 4, 5].map((t) => timestepAt(acrossOf(t, { ...frame, turned }), { ...frame, turned }));
      expect(at).toEqual([2, 3, 4, 5]);
    }
    expect([-5, 90].map((x) => timestepAt(x, frame))).toEqual([2, 5]);
  });

  it("draws a path with a gap where there is no value", () => {
    const values = Float32Array.of(1, -1, Number.NaN, 0);
    const path = pathData({ times: Float64Array.of(2, 3, 4, 5), values }, frame);
    expect(path).toBe("M5.0,0.0L5.0,0.0L15.0,20.0M35.0,10.0L35.0,10.0");
  });

  it("draws an area between two curves for each run without a gap", () => {
    const low = Float32Array.of(-1, -1, Number.NaN, -1);
    const high = Float32Array.of(1, 0, Number.NaN, 1);
    // biome-ignore format: as points
    expect(strokeOutline(Float64Array.of(2, 3, 4, 5), low, high, frame)).toEqual([
      [[5, 0], [15, 10], [15, 20], [5, 20]],
      [[30, 0], [40, 0], [40, 20], [30, 20]],
    ]);
  });

  it("is saved as paths in the samples' colours, with marks for values that are not finite", () => {
    const looks = { colour: "#000000", colourOf: (sample: number) => `#00000${sample}`, dashOf: () => [] };
    const specials: Curve = { ...curve(2, 1), trace: { ...trace(1, Number.NaN), specials: [[1, "NaN"]] } };
    const seen: [number, number] = [0, 2];
    const plot = {
      name: "1 <a>",
      curves: [curve(1, 0, 1), specials],
      bands: [],
      frame: { ...frame, span: seen },
      looks,
    };
    const svg = svgPlots([plot, plot, plot], 2, { text: "#111", muted: "#222", border: "#333" });
    expect(svg.match(/stroke="#000001"/g)).toHaveLength(3);
    expect(svg.match(/stroke="#000002"/g)).toHaveLength(3);
    expect(svg.match(/fill="rgb\(255,0,240\)"/g)).toHaveLength(3);
    expect(svg).toContain("1 &lt;a>");
    expect(svg).toContain(`width="${2 * 52}" height="${2 * 52}"`);
  });
});

describe("a table of curves", () => {
  it("has every number as logged, and none for padding", () => {
    const tensor = view([[1, Number.NaN, Number.POSITIVE_INFINITY, 0.5]], { c0: 3 });
    tensor.codes.values[3] = PADDING;
    tensor.values.values[3] = Number.NaN;
    const table = curvesTable([{ sample: 2, views: [tensor] }], [3], [0, 4], "timestep");
    expect(tableCsv(table)).toBe("timestep,channel 3 sample 2\n0,1\n1,nan\n2,inf\n3,\n");
  });
});
