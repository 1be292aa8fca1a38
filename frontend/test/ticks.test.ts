import { describe, expect, it } from "vitest";
import { makeScale, placer } from "../src/colour/scale";
import { barTicks, exact, integerTicks, niceStep, roundEnds, scaleTicks, short } from "../src/colour/ticks";

describe("ticks", () => {
  it("of a bar are as far apart as their numbers are wide", () => {
    const scale = { name: "symlog", low: -3.4e38, high: 3.4e38, threshold: 3.4e35 } as const;
    const place = placer(scale);
    const ticks = barTicks(scale, 300);
    const ends = ticks.map((tick) => {
      const half = (6 * short(tick).length) / 2;
      return [300 * place(tick) - half, 300 * place(tick) + half];
    });
    expect(ticks.length).toBeGreaterThan(4);
    for (let i = 1; i < ends.length; i++) expect(ends[i][0]).toBeGreaterThan(ends[i - 1][1]);
  });

  it("are at 1, 2 or 5 times a power of ten", () => {
    expect(niceStep(100, 5)).toBe(20);
    expect(niceStep(1403, 10)).toBe(200);
    expect(integerTicks(3, 12, 5)).toEqual([4, 6, 8, 10]);
    expect(integerTicks(0, 3, 50)).toEqual([0, 1, 2]);
  });

  it("stand at even distances over the whole of a linear axis with round ends", () => {
    expect(roundEnds(0, 63)).toEqual([0, 80]);
    expect(roundEnds(0.1, 0.83)).toEqual([0, 1]);
    expect(roundEnds(-1, 5)).toEqual([-1, 5]);
    for (const [least, greatest] of [
      [0.676, 0.694],
      [3.9, 15.9],
      [-2e-9, 7e-9],
      [0, 1.15],
    ]) {
      const [low, high] = roundEnds(least, greatest);
      expect(low).toBeLessThanOrEqual(least);
      expect(high).toBeGreaterThanOrEqual(greatest);
      const ticks = scaleTicks({ name: "linear", low, high, threshold: 1 }, 0.1);
      const distances = ticks.slice(1).map((tick, i) => (tick - ticks[i]) / (ticks[1] - ticks[0]));
      for (const distance of distances) expect(distance).toBeCloseTo(1, 6);
    }
  });

  it("are at 2 and 5 times powers of ten too on a log scale of less than two decades", () => {
    const ticks = (low: number, high: number) =>
      scaleTicks({ name: "log", low, high, threshold: low }, 0.05).map((tick) => Number(tick.toPrecision(3)));
    expect(ticks(0.62, 1.25)).toEqual([0.62, 1, 1.25]);
    expect(ticks(1.5, 70)).toEqual([1.5, 2, 5, 10, 20, 50, 70]);
    expect(ticks(0.001, 1)).toEqual([0.001, 0.01, 0.1, 1]);
  });

  it("of a symmetric scale include both ends and 0, and keep their distance", () => {
    const ticks = scaleTicks({ name: "symlog", low: -0.02, high: 0.02, threshold: 1e-5 }, 0.1);
    expect(ticks[0]).toBe(-0.02);
    expect(ticks.at(-1)).toBe(0.02);
    expect(ticks).toContain(0);
    expect(ticks).toContain(0.001);
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
  });
});

describe("ticks of any values", () => {
  const [least, largest] = [2 ** -149, (2 - 2 ** -23) * 2 ** 127];
  const names = ["linear", "symlog", "log", "abs"] as const;
  const extents: [string, number, number][] = [
    ["the largest", -largest, largest],
    ["the least", -least, least],
    ["all equal", 0.5, 0.5],
    ["all 0", 0, 0],
    ["none", Number.NaN, Number.NaN],
  ];

  it.each(extents)("include both ends: %s", (_, low, high) => {
    const extent = { least: low, greatest: high, magnitude: high, small: high };
    for (const name of names) {
      const scale = makeScale(extent, { name, signed: true, limit: null, threshold: null });
      const ticks = scaleTicks(scale, 0.14);
      expect([ticks[0], ticks.at(-1)]).toEqual([scale.low, scale.high]);
      expect(ticks.every(Number.isFinite)).toBe(true);
      expect(ticks.length).toBeLessThan(9);
    }
  });
});

describe("numbers in words", () => {
  it("are short on axes", () => {
    expect(short(-0.00012345)).toBe("−1.23e−4");
    expect(short(0.25)).toBe("0.25");
    expect(short(0)).toBe("0");
    expect(short(1402)).toBe("1402"); // a number of timesteps
    expect(short(1402.4)).toBe("1400");
  });

  it("reproduce the float32 under the cursor exactly", () => {
    for (const value of [0.1, 1 / 3, 1.17549435e-38, 123456.789, 1e-45].map(Math.fround)) {
      expect(Math.fround(Number(exact(value).replaceAll("−", "-")))).toBe(value);
    }
    expect(exact(Math.fround(0.1))).toBe("0.1");
    expect(exact(76.83931294446968)).toBe("76.83931"); // computed, no float32
    expect(exact(Number.NaN)).toBe("NaN");
    expect(exact(Number.NEGATIVE_INFINITY)).toBe("−Inf");
  });
});
