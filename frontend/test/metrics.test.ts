import { describe, expect, it } from "vitest";
import { exponentialFit, largestGain, lastReached, memoryHorizon } from "../src/maths/flow/metrics";
import answers from "./norms_by_lag.json";

/** The norms a^lag. */
function decaying(a: number, lags: number): number[] {
  return Array.from({ length: lags }, (_, lag) => a ** lag);
}

describe("the memory horizon", () => {
  it("is the largest lag with a^lag >= eps for norms that decay as a^lag", () => {
    expect(memoryHorizon(decaying(0.5, 40), 0.01)).toBe(6);
    expect(memoryHorizon(decaying(0.9, 40), 0.01)).toBe(39);
    expect(memoryHorizon(decaying(0.5, 40), 1)).toBe(0);
  });

  it("is the last of several lags that reach the threshold", () => {
    expect(memoryHorizon([1, 0, 0, 0.5, 0], 0.1)).toBe(3);
  });

  it("skips missing lags", () => {
    expect(memoryHorizon([1, 0.5, Number.NaN, Number.NaN], 0.01)).toBe(1);
  });

  it("is undefined if no norm is positive or one is infinite", () => {
    expect(memoryHorizon([0, 0, Number.NaN], 0.01)).toBeNaN();
    expect(memoryHorizon([1, Number.POSITIVE_INFINITY, 1], 0.01)).toBeNaN();
  });
});

describe("what samples reach", () => {
  it("is the last lag with a share of eps or more, in float32 as logged", () => {
    const reach = Float32Array.of(1, 0.5, 0.01, 0.001);
    expect([0.6, 0.01, 1e-9].map((eps) => lastReached(reach, eps))).toEqual([0, 2, 3]);
  });

  it("is unknown if nothing could be judged, and skips the rows of longer steps", () => {
    expect(lastReached([Number.NaN, Number.NaN], 0.01)).toBeNaN();
    expect(lastReached([1, 0.5, Number.NaN], 0.01)).toBe(1);
  });
});

describe("the exponential fit", () => {
  it("gives the half-life ln 2 / -ln a for a^lag, with R² = 1", () => {
    for (const a of [0.5, 0.9, 1.1]) {
      const fit = exponentialFit(decaying(a, 30));
      expect(fit.halfLife).toBeCloseTo(Math.LN2 / -Math.log(a), 10);
      expect(fit.r2).toBeCloseTo(1, 10);
    }
  });

  it("gives an infinite half-life if the norm does not change", () => {
    expect(exponentialFit([3, 3, 3])).toMatchObject({ halfLife: Number.POSITIVE_INFINITY, r2: 1 });
  });

  it("skips values without a logarithm, and is undefined for fewer than two norms", () => {
    expect(exponentialFit([8, 0, 2, Number.NaN, Number.POSITIVE_INFINITY]).halfLife).toBeCloseTo(1, 12);
    expect(exponentialFit([8, 0, Number.NaN]).halfLife).toBeNaN();
  });
});

describe("the largest gain", () => {
  it("is a for norms a^lag", () => {
    expect(largestGain(decaying(0.5, 10))).toBeCloseTo(0.5, 12);
    expect(largestGain([1, 2, 8, 4])).toBe(4);
  });

  it("is undefined after a norm of 0, and infinite at an infinite norm", () => {
    expect(largestGain([0, 5])).toBeNaN();
    expect(largestGain([1, Number.POSITIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(largestGain([1])).toBeNaN();
  });
});

describe("the page and Python", () => {
  it.each(answers)("agree on %j", ({ norms, eps, ...known }) => {
    const given = norms.map(Number);
    const { halfLife, r2 } = exponentialFit(given);
    const found = { horizon: memoryHorizon(given, eps), halfLife, r2, gain: largestGain(given) };
    for (const [name, value] of Object.entries(found)) {
      const expected = Number(known[name as keyof typeof known]);
      if (Number.isFinite(expected)) expect(value, name).toBeCloseTo(expected, 12);
      else expect(value, name).toBe(expected);
    }
  });
});
