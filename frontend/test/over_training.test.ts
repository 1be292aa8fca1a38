import { describe, expect, it } from "vitest";
import { axisTicks, duration, placeOn, placeWords, smoothed, startsOf } from "../src/maths/over_training";
import { traceOn } from "../src/maths/traces";

/** The definition: a weighted mean in which a value counts `weight` times as much as the next. */
function average(values: number[], weight: number): number {
  const shares = values.map((_, i) => weight ** (values.length - 1 - i));
  const total = shares.reduce((a, b) => a + b);
  return values.reduce((sum, value, i) => sum + value * shares[i], 0) / total;
}

describe("smoothing", () => {
  const values = [4, 1, 3, -2, 8];

  it("is a weighted mean of the value and all before it, from the first on", () => {
    for (const weight of [0.1, 0.6, 0.99]) {
      const expected = values.map((_, i) => average(values.slice(0, i + 1), weight));
      smoothed(values, weight).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 10);
      });
    }
  });

  it("leaves gaps and values that are not finite as they are, and continues after them", () => {
    const infinity = Number.POSITIVE_INFINITY;
    const of = smoothed([4, null, 1, infinity, 3], 0.6);
    expect([of[1], of[3]]).toEqual([null, infinity]);
    expect(of[4]).toBeCloseTo(average([4, 1, 3], 0.6), 10);
  });

  it("changes nothing if it is 0 or all values are equal", () => {
    expect(smoothed(values, 0)).toEqual(values);
    expect(smoothed([0.1, 0.1, null, 0.1], 0.9)).toEqual([0.1, 0.1, null, 0.1]);
    expect(smoothed([], 0.9)).toEqual([]);
  });
});

describe("an axis over training", () => {
  it("shows steps, seconds since the run began, or wall times", () => {
    const starts = startsOf([
      {
        run: "a",
        kept: [
          [5, 100],
          [6, 90],
        ],
      },
      { run: "a", kept: [[0, 95]] },
      { run: "b", kept: [] },
    ]);
    expect([...starts]).toEqual([["a", 90]]);
    expect((["step", "relative", "wall"] as const).map((axis) => placeOn(axis, [5, 100], 90))).toEqual([
      5, 10, 100,
    ]);
  });

  it("sorts the points of a clock that was set back", () => {
    const line = {
      label: "a",
      colour: "#111111",
      dash: [],
      values: [1, 2, 3],
      band: { low: [0, 1, 2], high: [2, 3, 4] },
    };
    const trace = traceOn(
      "relative",
      90,
      [
        [0, 100],
        [1, 110],
        [2, 95],
      ],
      line,
    );
    expect([trace.xs, trace.steps, trace.values, trace.band?.low]).toEqual([
      [5, 10, 20],
      [2, 0, 1],
      [3, 1, 2],
      [2, 0, 1],
    ]);
  });

  it("has ticks at whole steps and whole units of time", () => {
    const labels = (...of: Parameters<typeof axisTicks>) => axisTicks(...of).map(({ label }) => label);
    expect(labels("step", 0, 30, 4)).toEqual(["0", "10", "20", "30"]);
    expect(labels("relative", 0, 740, 7)).toEqual([
      "0",
      "2 min",
      "4 min",
      "6 min",
      "8 min",
      "10 min",
      "12 min",
    ]);
    expect(labels("relative", 0, 0.02, 4)).toEqual(["0", "0.005 s", "0.01 s", "0.015 s", "0.02 s"]);
    expect(labels("relative", 0, 86400 * 40, 4)).toEqual(["0", "10 d", "20 d", "30 d", "40 d"]);
  });

  it("has ticks at times of the reader's clock, with the day where it changes", () => {
    const at = (day: number, hour: number, minute = 0, second = 0) =>
      new Date(2026, 10, day, hour, minute, second).getTime() / 1000;
    const [from, to] = [at(28, 21, 10, 5), at(29, 3)];
    const ticks = axisTicks("wall", from, to, 6);
    expect(ticks.map(({ label }) => label)).toEqual([
      "28 Nov 22:00",
      "23:00",
      "29 Nov 00:00",
      "01:00",
      "02:00",
      "03:00",
    ]);
    expect(ticks[0].at).toBe(at(28, 22));
    expect(placeWords("wall", from)).toBe("28 Nov 2026 21:10:05");
  });

  it("gives durations in their two largest units", () => {
    expect([0, 0.25, 59, 61, 3600, 3661, 7199.9, 90_000].map(duration)).toEqual([
      "0",
      "0.25 s",
      "59 s",
      "1 min 1 s",
      "1 h",
      "1 h 1 min",
      "2 h",
      "1 d 1 h",
    ]);
    expect(placeWords("step", 7)).toBe("step 7");
  });
});
