import { describe, expect, it } from "vitest";
import { Axis, layoutOf, turnedWindow } from "../src/maths/heatmap/axes";

const window = { c0: 0, c1: 4, t0: 10, t1: 20 };
const plain = { orientation: "channels", byLag: false, order: null } as const;
/** Place 0 shows channel 3, place 1 channel 0, and so on. */
const order = { channels: Uint32Array.of(3, 0, 2, 1), places: Uint32Array.of(1, 3, 2, 0) };

describe("an axis", () => {
  it("gives every cell the same width, in either direction", () => {
    const axis = new Axis("t", 10, 20, 100);
    expect([axis.at(10), axis.middle(10), axis.middle(19), axis.at(20)]).toEqual([0, 5, 95, 100]);
    for (const pixel of [0, 9.9, 10, 55, 99.9]) {
      const place = axis.placeAt(pixel);
      expect(axis.at(place)).toBeLessThanOrEqual(pixel);
      expect(axis.at(place + 1)).toBeGreaterThan(pixel);
    }
  });

  it("gives the last cell for places beyond its ends", () => {
    const axis = new Axis("t", 10, 20, 100);
    expect([axis.placeAt(-5), axis.placeAt(100), axis.placeAt(1000)]).toEqual([10, 19, 19]);
    expect([axis.middle(9), axis.middle(20)]).toEqual([null, null]);
  });

  it("puts lag 0 at the far end if it is turned", () => {
    const axis = new Axis("t", 0, 10, 100, true);
    expect([axis.middle(0), axis.middle(9)]).toEqual([95, 5]);
    expect([axis.placeAt(99), axis.placeAt(1), axis.placeAt(100), axis.placeAt(0)]).toEqual([0, 9, 0, 9]);
    expect(axis.span(0, 3)).toEqual([70, 100]);
    expect(axis.ticks(20).map(({ cell, at }) => [cell, Math.round(at)])).toEqual([
      [0, 95],
      [2, 75],
      [4, 55],
      [6, 35],
      [8, 15],
    ]);
  });

  it("shows each channel at its place in the order, under its own number", () => {
    const axis = new Axis("c", 0, 4, 40, false, order);
    expect([3, 0, 2, 1].map((channel) => axis.middle(channel))).toEqual([5, 15, 25, 35]);
    expect([0, 1, 2, 3].map((place) => axis.cellOf(place))).toEqual([3, 0, 2, 1]);
    expect(axis.ticks(10).map(({ cell }) => cell)).toEqual([3, 0, 2, 1]);
    expect(new Axis("c", 2, 4, 40, false, order).middle(3), "zoomed out of sight").toBeNull();
    expect(axis.middle(7), "another record's channel").toBeNull();
  });

  it("moves from cell to cell in the order in which they are shown", () => {
    const ordered = new Axis("c", 0, 4, 40, false, order);
    expect(ordered.beside(9, 1), "from another record's channel").toBe(1);
    expect([ordered.beside(3, 1), ordered.beside(0, 1), ordered.beside(3, -1)]).toEqual([0, 2, 3]);
    const lags = new Axis("t", 0, 10, 100, true);
    expect([lags.beside(5, 1), lags.beside(5, -1), lags.beside(0, 1)]).toEqual([4, 6, 0]);
  });
});

describe("a layout", () => {
  it("has time across and channels down, or the reverse", () => {
    const usual = layoutOf(window, 100, 40, plain);
    expect([usual.across.dimension, usual.down.dimension]).toEqual(["t", "c"]);
    expect([usual.t.length, usual.c.length]).toEqual([100, 40]);
    const other = layoutOf(window, 100, 40, { ...plain, orientation: "timesteps" });
    expect([other.across, other.down]).toEqual([other.c, other.t]);
    expect([other.t.length, other.c.length]).toEqual([40, 100]);
  });

  it("turns the time axis for lags, and orders only the channel axis", () => {
    const { t, c } = layoutOf(window, 100, 40, { orientation: "timesteps", byLag: true, order });
    expect([t.turned, c.turned, t.order, c.order]).toEqual([true, false, null, order]);
  });
});

describe("a window", () => {
  it("covers the same end of the record when time is counted the other way", () => {
    const last = { c0: 1, c1: 3, t0: 80, t1: 100 };
    expect(turnedWindow(last, 100)).toEqual({ c0: 1, c1: 3, t0: 0, t1: 20 });
    expect(turnedWindow(turnedWindow(last, 100), 100)).toEqual(last);
  });
});
