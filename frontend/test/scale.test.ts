import { describe, expect, it } from "vitest";
import {
  DECADES,
  type Extent,
  makeRawScale,
  makeScale,
  placer,
  SCALE_NAMES,
  type Scale,
  thresholdAt,
  thresholdPlace,
  union,
  valueAt,
} from "../src/colour/scale";

const extent: Extent = { least: -2, greatest: 4, magnitude: 4, small: 0.001 };
const automatic = { limit: null, threshold: null };

describe("a colour scale", () => {
  it("is symmetric about 0 for signed numbers", () => {
    const scale = makeScale(extent, { name: "symlog", signed: true, ...automatic });
    expect([scale.low, scale.high]).toEqual([-4, 4]);
    const place = placer(scale);
    expect(place(0)).toBe(0.5);
    expect(place(4)).toBe(1);
    expect(place(-4)).toBe(0);
    expect(place(1) + place(-1)).toBeCloseTo(1, 12);
  });

  it("starts at 0 for magnitudes", () => {
    const scale = makeScale(extent, { name: "linear", signed: false, ...automatic });
    expect(placer(scale)(1)).toBe(0.25);
  });

  it("gives every decade above the threshold equal room in symlog", () => {
    const place = placer({ name: "symlog", low: -1, high: 1, threshold: 1e-9 });
    const decade = place(1e-3) - place(1e-4);
    expect(place(1e-5) - place(1e-6)).toBeCloseTo(decade, 3);
  });

  it("is about linear in symlog below the threshold", () => {
    const place = placer({ name: "symlog", low: -1, high: 1, threshold: 1e-3 });
    expect((place(2e-6) - 0.5) / (place(1e-6) - 0.5)).toBeCloseTo(2, 2);
  });

  it("shows the magnitude of negative numbers in log", () => {
    const scale = makeScale(extent, { name: "log", signed: true, ...automatic });
    expect(placer(scale)(-0.5)).toBe(placer(scale)(0.5));
    expect(placer(scale)(0.001)).toBe(0);
  });

  it.each(SCALE_NAMES)("finds the value at a place of %s", (name) => {
    const low = { log: 1e-3, abs: 0, symlog: -2, linear: -2 }[name];
    const scale: Scale = { name, low, high: 2, threshold: 1e-3 };
    for (const place of [0.1, 0.5, 0.8]) expect(placer(scale)(valueAt(scale, place))).toBeCloseTo(place, 9);
  });

  it("clips values beyond its ends", () => {
    const place = placer({ name: "linear", low: -1, high: 1, threshold: 0.1 });
    expect([place(5), place(-5)]).toEqual([1, 0]);
  });

  it("spans a limited number of decades if the smallest number is tiny", () => {
    const scale = makeScale({ ...extent, small: 1e-38 }, { name: "log", signed: true, ...automatic });
    expect(scale.high / scale.threshold).toBeCloseTo(10 ** DECADES, -2);
  });

  it("goes to 1 if there are only zeros, or nothing at all", () => {
    const zeros: Extent = { least: 0, greatest: 0, magnitude: 0, small: Number.NaN };
    const nothing = union([]);
    for (const none of [zeros, nothing]) {
      const scale = makeScale(none, { name: "symlog", signed: true, ...automatic });
      expect(scale.high).toBe(1);
      expect(placer(scale)(0)).toBe(0.5);
    }
  });

  it("puts symlog's threshold three decades below the limit", () => {
    const scale = makeScale({ ...extent, small: 1e-30 }, { name: "symlog", signed: true, ...automatic });
    expect(scale.high / scale.threshold).toBeCloseTo(1e3, 6);
  });

  it("accepts a lower end of its own, and drops the sign for linear |x|", () => {
    const choice = { signed: true, low: -1, limit: 5, threshold: null };
    expect(makeScale(extent, { name: "linear", ...choice })).toMatchObject({ low: -1, high: 5 });
    expect(makeScale(extent, { name: "abs", ...choice, low: null })).toMatchObject({ low: 0, high: 5 });
    expect(placer({ name: "abs", low: 0, high: 4, threshold: 1 })(-1)).toBe(0.25);
  });

  it("accepts typed ends", () => {
    const scale = makeScale(extent, { name: "symlog", signed: true, limit: 10, threshold: 0.1 });
    expect(scale).toEqual({ name: "symlog", low: -10, high: 10, threshold: 0.1 });
  });

  it("covers every picture that shares it", () => {
    const both = union([extent, { least: -9, greatest: 1, magnitude: 9, small: Number.NaN }]);
    expect(both).toEqual({ least: -9, greatest: 4, magnitude: 9, small: 0.001 });
  });

  it("runs from the least to the greatest for logarithms", () => {
    const place = placer(makeRawScale({ least: -200, greatest: -100, magnitude: 200, small: 1 }));
    expect([place(-200), place(-150), place(-100)]).toEqual([0, 0.5, 1]);
  });

  it("finds the threshold at a place on the bar, and the place of a threshold", () => {
    for (const low of [-2, 0]) {
      const scale: Scale = { name: "symlog", low, high: 2, threshold: 1e-4 };
      expect(thresholdAt(scale, thresholdPlace(scale))).toBeCloseTo(1e-4, 10);
    }
  });
});
