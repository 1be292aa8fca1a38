import { describe, expect, it } from "vitest";
import { PADDING } from "../src/colour/bfloat16";
import type { Flow } from "../src/data/types";
import { extentOverSteps, flowPicture, horizon, horizons, statistic } from "../src/views/flow";

/** Norms a^lag: the horizon at eps is the largest lag with a^lag >= eps. */
function decaying(a: number, timesteps: number): number[] {
  return Array.from({ length: timesteps }, (_, t) => a ** (timesteps - 1 - t));
}

const flow: Flow = {
  statistics: ["norm_mean", "max_abs", "rms", "real_samples"],
  steps: [
    [0, 1],
    [10, 2],
  ],
  timesteps: 3,
  // per step and timestep: norm_mean, max_abs, rms, real_samples
  values: Float32Array.of(
    1,
    4,
    0.5,
    2,
    2,
    5,
    0.25,
    2,
    3,
    6,
    0,
    2,
    10,
    7,
    1,
    2,
    20,
    9,
    1,
    2,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    0,
  ),
};

describe("the memory horizon", () => {
  it("of norms that decay as a^lag is the largest lag with a^lag >= eps", () => {
    expect(horizon(decaying(0.5, 40), 0.01)?.lag).toBe(6);
    expect(horizon(decaying(0.9, 40), 0.01)?.lag).toBe(39);
    expect(horizon(decaying(0.5, 40), 1)?.lag).toBe(0);
  });

  it("counts lags from the last real timestep", () => {
    const padded = [...decaying(0.5, 20), Number.NaN, Number.NaN];
    expect(horizon(padded, 0.01)).toEqual({ timestep: 13, lag: 6 });
  });

  it("is none where nothing is positive", () => {
    expect(horizon([0, 0, 0], 0.01)).toBeNull();
    expect(horizon([Number.NaN], 0.01)).toBeNull();
  });

  it("stands for every step", () => {
    expect(horizons(flow, 0.5).map((found) => found?.lag)).toEqual([1, 1]);
  });
});

describe("a flow", () => {
  it("gives one statistic of every step and timestep", () => {
    expect([...statistic(flow, "max_abs")].slice(0, 5)).toEqual([4, 5, 6, 7, 9]);
    expect(() => statistic(flow, "median")).toThrow("no statistic median");
  });

  it("bounds the colours of every step", () => {
    expect(extentOverSteps(flow)).toEqual({ least: -9, greatest: 9, magnitude: 9, small: 0.25 });
  });

  it("is a picture of timesteps by steps, padding as padding", () => {
    const picture = flowPicture(flow, "run", "tag");
    expect([picture.channels, picture.timesteps]).toEqual([3, 2]);
    expect([...picture.values.values.slice(0, 4)]).toEqual([1, 10, 2, 20]);
    expect(picture.codes.values[5]).toBe(PADDING);
    expect(picture.range).toEqual([1, 20]);
  });
});
