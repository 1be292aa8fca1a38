import { describe, expect, it } from "vitest";
import type { Tensor } from "../src/data/types";
import { leadingChannel } from "../src/maths/leading";
import { shownPins } from "../src/state/choices";

function view(rows: number[][], c0 = 0, channels = rows.length): Tensor {
  const window = { c0, c1: c0 + rows.length, t0: 0, t1: rows[0].length };
  const values = {
    values: Float32Array.from(rows.flat()),
    rows: rows.length,
    columns: rows[0].length,
    window,
  };
  return { values, channels } as unknown as Tensor;
}

const { NaN: NAN, POSITIVE_INFINITY: INFINITY } = Number;

describe("the channel that matters most", () => {
  it("has the largest norm over all views, counting finite values alone", () => {
    expect(
      leadingChannel([
        view([
          [1, 1],
          [0, -3],
          [2, 0],
        ]),
      ]),
    ).toBe(1);
    expect(
      leadingChannel([
        view([
          [1, 1],
          [0, -3],
          [2, 0],
        ]),
        view([
          [0, 0],
          [0, 0],
          [3, 0],
        ]),
      ]),
    ).toBe(2);
    expect(
      leadingChannel([
        view([
          [INFINITY, NAN],
          [0, 0.1],
        ]),
      ]),
    ).toBe(1);
  });

  it("has its number in the record", () => {
    expect(leadingChannel([view([[1], [2]], 5, 9)])).toBe(6);
  });

  it("does not exist if channels are pooled or there is no data", () => {
    const pooled = view([[1], [2]]);
    pooled.values.window.c1 = 4;
    expect(leadingChannel([pooled])).toBe(null);
    expect(leadingChannel([])).toBe(null);
  });

  it("is pinned if the user pinned none", () => {
    const tensors = [view([[1], [2]])];
    expect(shownPins({ pins: null }, tensors)).toEqual([1]);
    expect(shownPins({ pins: [] }, tensors)).toEqual([]);
    expect(shownPins({ pins: [0, 7] }, tensors)).toEqual([0]);
  });
});
