import { describe, expect, it } from "vitest";
import { toCodes } from "../src/colour/bfloat16";
import type { Tensor } from "../src/data/types";
import { boundariesOfRows, curveColours, jacobianAxes, rowOf, rowRequest } from "../src/maths/jacobian";

/** A view that holds rows t0 to t1 of a Jacobian [t, s] as /tensor answers it: s down, t across. */
function view(jacobian: number[][], t0: number, t1: number): Tensor {
  const s = jacobian[0].length;
  const values = Float32Array.from(
    { length: s * (t1 - t0) },
    (_, i) => jacobian[t0 + (i % (t1 - t0))][Math.floor(i / (t1 - t0))],
  );
  const grid = { rows: s, columns: t1 - t0, window: { c0: 0, c1: s, t0, t1 } };
  return {
    request: {
      run: "r",
      tag: "g",
      step: 0,
      wallTime: 1,
      show: 0,
      window: null,
      pooled: { rows: 2, columns: 2 },
    },
    values: { ...grid, values },
    codes: { ...grid, values: toCodes(new Uint32Array(values.buffer)) },
    channels: s,
    timesteps: jacobian.length,
    kept: 1,
    batch: 1,
    range: [0, 0],
    quantiles: [],
    counts: { real: 0, padding: 0, zero: 0, nan: 0, posinf: 0, neginf: 0 },
    narrowed: { flushed: 0, overflowed: 0 },
  };
}

const JACOBIAN = [
  [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  [-1, 0, Number.NEGATIVE_INFINITY],
  [-2, -1, 0],
];

describe("a row of a Jacobian", () => {
  it("is its values over s, without exact zeros", () => {
    expect(rowOf(view(JACOBIAN, 0, 3), 1)).toEqual([-1, 0, null]);
    expect(rowOf(view(JACOBIAN, 0, 3), 2)).toEqual([-2, -1, 0]);
  });

  it("can be read from a view of that row alone, but not from a view without it", () => {
    expect(rowOf(view(JACOBIAN, 2, 3), 2)).toEqual([-2, -1, 0]);
    expect(rowOf(view(JACOBIAN, 2, 3), 1)).toBeNull();
  });

  it("is requested at every timestep", () => {
    const { window, pooled } = rowRequest(view(JACOBIAN, 0, 3), 1);
    expect([window, pooled]).toEqual([{ c0: 0, c1: 3, t0: 1, t1: 2 }, null]);
  });
});

describe("the axes of a Jacobian", () => {
  const symbol = "log10 |dh_t/dh_s|_F";
  const details = { at: [0, -1, 1], wrt: "state", norm: "fro", reduced_by: "geometric mean over samples" };
  const tensor = view(JACOBIAN, 0, 3);

  it("have the names in its record", () => {
    expect(jacobianAxes({ symbol, details }, tensor)).toEqual({
      timesteps: "state at timestep t",
      channels: "state at timestep s",
      numbers: [0, 2, 1],
      values: "log10 |dh_t/dh_s|_F, geometric mean over samples",
    });
    expect(jacobianAxes({ symbol, details: { ...details, wrt: "input", at: null } }, tensor)).toMatchObject({
      channels: "input at timestep s",
    });
  });

  it("claim nothing for an older record, or for one with impossible details", () => {
    const plain = { timesteps: "state at timestep t", channels: "timestep s" };
    expect(jacobianAxes({ symbol }, tensor)).toEqual(plain);
    for (const at of [[0, 1], [0, 1, 3], [0, 1, "2"], "012", null]) {
      expect(jacobianAxes({ symbol, details: { at, wrt: ["state"] } }, tensor).numbers).toBeUndefined();
    }
    expect(jacobianAxes({ symbol, details: { wrt: "loss" } }, null)).toEqual(plain);
  });

  it("have lines between rows of different windows", () => {
    expect(boundariesOfRows(10, [0, 9, 10, 35, 31])).toEqual([2, 3]);
    expect(boundariesOfRows(null, [0, 9])).toEqual([]);
  });
});

describe("colours of curves", () => {
  it("are as many as the curves, and all different", () => {
    const colours = curveColours(5, "viridis", false);
    expect(new Set(colours).size).toBe(5);
    expect(colours.every((colour) => /^#[0-9a-f]{6}$/.test(colour))).toBe(true);
    expect(curveColours(1, "viridis", true).length).toBe(1);
  });
});
