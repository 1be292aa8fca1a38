import { describe, expect, it } from "vitest";
import { PADDING } from "../src/colour/bfloat16";
import { joined, tableFrom } from "../src/data/api";
import type { Flow } from "../src/data/types";
import { equalRuns } from "../src/maths/equal_runs";
import {
  boundaries,
  extentOverSteps,
  fittedNorms,
  fitWords,
  horizonRows,
  horizons,
  statistic,
  statisticAtStep,
  stepMetrics,
} from "../src/maths/flow/flow";
import { columnsIn, flowMap, ratioMap, relativeMap, stepsIn } from "../src/maths/flow/map";
import { flowNotice } from "../src/maths/flow/notice";
import { drawnStatistic, FLOW_STATISTICS, statisticsFor } from "../src/maths/flow/statistics";
import { decaying, earlier, flowOfSamples } from "./flows";

const NAN = Number.NaN;

/** A flow of one sample's norms by lag at each step. */
function flowOf(byLag: number[][], steps?: number[]): Flow {
  return flowOfSamples(
    byLag.map((norms) => [norms.filter((norm) => !Number.isNaN(norm))]),
    {},
    steps,
  );
}

describe("a flow", () => {
  const values = [1, 4, 2, 5, 3, 6, 10, 7, 20, 9, 30, 8]; // 2 steps, 3 timesteps, 2 statistics
  const body = new ArrayBuffer(4 * values.length + 2 * 16);
  new Float32Array(body, 0, values.length).set(values);
  const times = Float64Array.of(0, 1.5, 10, 2.5);
  new Uint8Array(body).set(new Uint8Array(times.buffer), 4 * values.length);
  const flow = {
    ...tableFrom(body, [2, 3, 2], ["norm_mean", "max_abs"]),
    batch: {},
    damaged: [],
    sampled: false,
  };

  it("is read with its steps from one answer", () => {
    expect(flow.steps).toEqual([
      [0, 1.5],
      [10, 2.5],
    ]);
    expect([...statistic(flow, "max_abs")]).toEqual([4, 5, 6, 7, 9, 8]);
    expect([...statisticAtStep(flow, "norm_mean", 1)]).toEqual([10, 20, 30]);
    expect([...statistic(flow, "median")]).toEqual(new Array(6).fill(NAN)); // not logged
  });

  it("is refused if the answer has another shape", () => {
    expect(() => tableFrom(body, [3, 3, 2], ["a", "b"])).toThrow("holds 80 bytes, not 3 x 3 x 2 numbers");
  });

  it("keeps each step's numbers of the batch together, even if rows are sampled and new steps arrived", () => {
    const steps: [number, number][] = [0, 10, 20, 30].map((step) => [step, 1]);
    const table = { timesteps: 2, damaged: [], sampled: false };
    const rows = {
      ...table,
      steps: [steps[0], steps[2]],
      columns: { norm_mean: Float32Array.of(1, 2, 3, 4) },
      sampled: true,
    };
    const batch = { ...table, steps, columns: { dead_share: Float32Array.of(0, 0.1, 0.2, 0.3) } };
    const found = joined(rows, { ...batch, damaged: [40] });
    expect(found).toMatchObject({ steps: [steps[0], steps[2]], sampled: true, damaged: [40] });
    expect([...found.batch.dead_share]).toEqual([0, Math.fround(0.2)]);
    const late = joined({ ...rows, steps: [steps[0], [99, 1]] }, batch);
    expect([...late.columns.norm_mean]).toEqual([1, 2]);
  });

  it("reports what it leaves out", () => {
    const said = (damaged: number[], sampled = false) => flowNotice({ ...flow, damaged, sampled });
    expect(said([])).toBe("");
    expect(said([7])).toBe("Step 7 is damaged and not drawn.");
    expect(said([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(
      "10 steps are damaged and not drawn: 1, 2, 3, 4, 5, 6, 7, 8 and 2 more.",
    );
    expect(said([], true)).toBe(
      "All logged steps would be too large to send: 2 of them, evenly spaced, are drawn.",
    );
  });

  it("gives a colour range that covers every step", () => {
    const bounded = {
      ...flow,
      columns: { max_abs: Float32Array.of(4, 9, NAN), rms: Float32Array.of(0, 0.25, 1) },
    };
    expect(extentOverSteps(bounded)).toEqual({ least: -9, greatest: 9, magnitude: 9, small: 0.25 });
  });
});

describe("what the samples' norms give", () => {
  const flow = flowOf([decaying(0.5, 20), decaying(2, 20), decaying(0.5, 18)]);

  it("is horizon, half-life, gain, growth and far end, as defined for one sample", () => {
    const { halfLife, gain, growth, lags, farEnd, samples } = stepMetrics(flow);
    expect([...horizons(flow, 0.01).p50]).toEqual([6, 19, 6]);
    expect([...horizons(flow, 0.1).p50]).toEqual([3, 19, 3]);
    expect(halfLife.p50[0]).toBeCloseTo(1, 6);
    expect(halfLife.p50[1]).toBeCloseTo(-1, 6);
    expect([...gain.p50]).toEqual([0.5, 2, 0.5]);
    expect([...growth].map(Math.round)).toEqual([1, 2 ** 19, 1]);
    expect([...lags]).toEqual([19, 19, 17]);
    expect(farEnd.p50[2]).toBeCloseTo(0.5 ** 17, 12);
    expect([...samples]).toEqual([1, 1, 1]);
  });

  it("describes the median sample, with the quantiles of all", () => {
    const mixed = flowOfSamples([[0.1, 0.5, 0.9].map((a) => decaying(a, 30))]);
    const { p05, p50, p95 } = horizons(mixed, 0.01);
    expect([p05[0], p50[0], p95[0]]).toEqual([2, 6, 29]);
    expect(stepMetrics(mixed).farEnd.p95[0]).toBeCloseTo(0.9 ** 29, 6);
  });

  it("describes the mean norm for an earlier log, if every sample has every lag", () => {
    const { p05, p50 } = horizons(earlier(flowOf([decaying(0.5, 20)])), 0.01);
    expect([p05[0], p50[0]]).toEqual([NAN, 6]);
    expect(stepMetrics(earlier(flow)).halfLife.p50[0]).toBeCloseTo(1, 5);
    expect(stepMetrics(earlier(flow)).growth[0]).toBeNaN();
    const ragged = earlier(flowOfSamples([[decaying(0.5, 20), decaying(0.5, 9)]]));
    expect(horizons(ragged, 0.01).p50[0]).toBeNaN();
    expect(stepMetrics(ragged).lags[0]).toBeNaN();
  });

  it("is a line on the map, at the timestep or lag that is reached", () => {
    const { p50 } = horizons(flow, 0.01);
    expect(horizonRows(flow, "timestep", p50, "forward")).toEqual([13, 0, 13]);
    expect(horizonRows(flow, "lag", p50, "forward")).toEqual([6, 19, 6]);
    const none = flowOf([[0, 0]]);
    expect(horizonRows(none, "lag", horizons(none, 0.01).p50, "forward")).toEqual([null]);
  });

  it("is drawn from the first timestep for a backward direction, and not at all if no timestep is a single lag", () => {
    const real = { ...flow, columns: { ...flow.columns, real_samples: new Float32Array(60).fill(1) } };
    expect(horizonRows(real, "timestep", horizons(flow, 0.01).p50, "backward")).toEqual([6, 19, 6]);
    const ends = Float32Array.from({ length: 60 }, (_, i) => (i % 20 === 19 ? 1 : 2));
    const ragged = { ...flow, columns: { ...flow.columns, real_samples: ends } };
    expect(horizonRows(ragged, "timestep", horizons(flow, 0.01).p50, "forward")).toEqual([null, null, null]);
    expect(fittedNorms(ragged, "timestep", 0, 1, "forward")).toBeNull();
  });

  it("is an exponential of the half-life, fitted to the norms", () => {
    const fitted = fittedNorms(flow, "lag", 0, 1, "forward") as number[];
    expect(fitted[3]).toBeCloseTo(0.125, 6);
    expect((fittedNorms(flow, "timestep", 0, 1, "forward") as number[])[16]).toBeCloseTo(0.125, 6);
    expect(fittedNorms(flow, "lag", 0, NAN, "forward")).toBeNull();
    expect(fitWords(6.25, 0.987)).toBe("halves every 6.25 timesteps back (R² 0.99)");
    expect(fitWords(-3, 1)).toContain("doubles every 3 timesteps");
    expect(fitWords(Number.POSITIVE_INFINITY, 1)).toContain("does not change");
    expect(fitWords(NAN, NAN)).toContain("too few norms");
  });
});

describe("a map of norms", () => {
  it("has timesteps or lags as rows, steps as columns, and keeps padding", () => {
    const flow = flowOf([
      [3, 2, 1],
      [30, 20, NAN],
    ]);
    const picture = flowMap(flow, "lag", FLOW_STATISTICS.norm, "run", "tag");
    expect([picture.channels, picture.timesteps]).toEqual([3, 2]);
    expect([...picture.values.values.slice(0, 5)]).toEqual([3, 30, 2, 20, 1]);
    expect(picture.codes.values[5]).toBe(PADDING);
    expect(picture.range).toEqual([1, 30]);
    expect([...flowMap(flow, "timestep", FLOW_STATISTICS.norm, "run", "tag").values.values.slice(2)]).toEqual(
      [2, 20, 3, 30],
    );
  });

  it("is relative to each step's largest value, and keeps exact zeros, infinities and steps without a value above 0", () => {
    const flow = flowOf([
      [4, 2, 0],
      [0, 0, 0],
      [1e38, 1e-38, NAN],
    ]);
    const absolute = flowMap(flow, "lag", FLOW_STATISTICS.norm, "run", "tag");
    absolute.values.values[6] = Number.POSITIVE_INFINITY;
    const { values, codes, range } = relativeMap(absolute);
    expect([...values.values.slice(0, 8)]).toEqual([
      1,
      0,
      1,
      0.5,
      0,
      2 ** -149, // not an exact 0
      Number.POSITIVE_INFINITY,
      0,
    ]);
    expect(codes.values[8]).toBe(PADDING);
    expect(range[1]).toBe(1);
  });

  it("shows a ratio as the decades between a and b at b's nearest step", () => {
    const a = flowOf([[100, 10]], [4]);
    const b = flowOf(
      [
        [1, 1, 1],
        [10, 100, 1],
      ],
      [0, 6],
    );
    const picture = ratioMap(a, b, "lag", FLOW_STATISTICS.norm, "run", "tag");
    expect([...picture.values.values.slice(0, 2)]).toEqual([1, -1]);
    expect(picture.codes.values[2]).toBe(PADDING);
    expect(picture.range).toEqual([-1, 1]);
  });
});

describe("a statistic of the flow", () => {
  const flow: Flow = {
    ...flowOf([[1, 1, 1]]),
    columns: {
      ...flowOf([[1, 1, 1]]).columns,
      mean_norm: Float32Array.of(3, 1, 0),
      std_norm: Float32Array.of(4, 0, 2),
      nan_share: Float32Array.of(0, 0.25, 0),
      inf_share: Float32Array.of(0, 0.5, 0),
    },
  };
  const cells = (name: keyof typeof FLOW_STATISTICS) => [
    ...flowMap(flow, "timestep", FLOW_STATISTICS[name], "run", "tag").values.values,
  ];

  it("gives the agreement of signs as |mean| over the root of mean² + std²", () => {
    expect(cells("agreement")).toEqual([Math.fround(0.6), 1, 0]);
  });

  it("gives the signal-to-noise ratio as |mean| over the standard deviation", () => {
    expect(cells("snr")).toEqual([0.75, Number.POSITIVE_INFINITY, 0]);
    expect(cells("nonfinite")).toEqual([0, 0.75, 0]);
  });

  it("is replaced by the norm over lags if it is held by timestep alone", () => {
    expect(drawnStatistic("max", "timestep")).toBe(FLOW_STATISTICS.max);
    expect(drawnStatistic("max", "lag")).toBe(FLOW_STATISTICS.norm);
    expect(drawnStatistic("snr", "lag")).toBe(FLOW_STATISTICS.snr);
    expect(statisticsFor("lag", FLOW_STATISTICS.snr)).toEqual(
      expect.arrayContaining(["lag_mean_norm", "lag_std_norm", "lag_norm_mean"]),
    );
  });
});

describe("a window of a map", () => {
  const flow = flowOf([decaying(0.5, 8), decaying(0.5, 8), decaying(0.5, 8)], [0, 10, 20]);

  it("holds training steps, whatever their columns", () => {
    expect(columnsIn(flow, 8, { c0: 2, c1: 5, t0: 10, t1: 21 })).toEqual({ c0: 2, c1: 5, t0: 1, t1: 3 });
    expect(columnsIn(flow, 8, { c0: 2, c1: 50, t0: 3, t1: 11 })).toEqual({ c0: 2, c1: 8, t0: 1, t1: 2 });
    expect(stepsIn(flow, { c0: 2, c1: 5, t0: 1, t1: 3 })).toEqual({ c0: 2, c1: 5, t0: 10, t1: 21 });
  });

  it("is the whole map if it contains none of it", () => {
    const whole = { c0: 0, c1: 8, t0: 0, t1: 3 };
    expect(columnsIn(flow, 8, null)).toEqual(whole);
    expect(columnsIn(flow, 8, { c0: 0, c1: 8, t0: 11, t1: 15 })).toEqual(whole);
    expect(columnsIn(flow, 8, { c0: 9, c1: 12, t0: 0, t1: 15 })).toEqual(whole);
  });
});

describe("windows of truncated backpropagation through time", () => {
  it("meet at multiples of the window", () => {
    expect(boundaries(4, 10, "timestep")).toEqual([4, 8]);
    expect(boundaries(4, 10, "lag")).toEqual([6, 2]);
    expect(boundaries(5, 10, "timestep")).toEqual([5]);
    expect(boundaries(null, 10, "timestep")).toEqual([]);
    expect(boundaries(20, 10, "timestep")).toEqual([]);
  });
});

describe("equal runs", () => {
  it("join equal neighbours and leave out null", () => {
    expect(equalRuns(["a", "a", null, "b", "a"])).toEqual([
      { value: "a", from: 0, to: 2 },
      { value: "b", from: 3, to: 4 },
      { value: "a", from: 4, to: 5 },
    ]);
    expect(equalRuns([])).toEqual([]);
  });
});
