import { describe, expect, it } from "vitest";
import { box, pan, unlessWhole, zoom } from "../src/maths/heatmap/zoom";

const whole = { c0: 0, c1: 24, t0: 0, t1: 100 };

describe("a zoom", () => {
  it("keeps the cell under the pointer in place", () => {
    expect(zoom(whole, whole, "t", 0.5, 50)).toEqual({ ...whole, t0: 25, t1: 75 });
    expect(zoom(whole, whole, "t", 0.5, 0)).toMatchObject({ t0: 0, t1: 50 });
    expect(zoom(whole, whole, "t", 0.5, 99)).toMatchObject({ t0: 50, t1: 100 });
  });

  it("stays within the record and keeps at least two cells", () => {
    expect(zoom(whole, whole, "t", 10, 3)).toEqual(whole);
    expect(zoom({ ...whole, t0: 10, t1: 12 }, whole, "t", 0.1, 10)).toMatchObject({ t0: 10, t1: 12 });
  });

  it("always changes the window by at least one cell", () => {
    expect(zoom({ ...whole, t0: 10, t1: 14 }, whole, "t", 0.9, 11)).toMatchObject({ t1: 13, t0: 10 });
    expect(zoom({ ...whole, t0: 10, t1: 12 }, whole, "t", 1.1, 10)).toMatchObject({ t0: 10, t1: 13 });
  });

  it("works on channels alone, too", () => {
    expect(zoom(whole, whole, "c", 0.5, 12)).toEqual({ ...whole, c0: 6, c1: 18 });
  });
});

describe("a pan", () => {
  it("moves as far as there is room", () => {
    const window = { ...whole, t0: 80, t1: 95 };
    expect(pan(window, whole, "t", 3)).toMatchObject({ t0: 83, t1: 98 });
    expect(pan(window, whole, "t", 30)).toMatchObject({ t0: 85, t1: 100 });
    expect(pan(window, whole, "t", -200)).toMatchObject({ t0: 0, t1: 15 });
  });
});

describe("a box", () => {
  it("may be drawn from any corner", () => {
    const window = { t0: 10, t1: 21, c0: 3, c1: 6 };
    expect(box({ t: 10, c: 3 }, { t: 20, c: 5 }, whole)).toEqual(window);
    expect(box({ t: 20, c: 3 }, { t: 10, c: 5 }, whole)).toEqual(window);
  });
});

describe("a window", () => {
  it("is not stored if it covers everything", () => {
    expect(unlessWhole(whole, whole)).toBeNull();
    expect(unlessWhole({ ...whole, t0: 1 }, whole)).toEqual({ ...whole, t0: 1 });
  });
});
