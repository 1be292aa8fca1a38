import { describe, expect, it } from "vitest";
import { PADDING, toCodes } from "../src/colour/bfloat16";
import type { Tensor } from "../src/data/types";
import { ORDERS, orderChannels, sharedOrder } from "../src/maths/heatmap/order";

/** A view of rows by lag, with null for padding. */
function view(rows: (number | null)[][]) {
  const values = Float32Array.from(rows.flat(), (value) => value ?? 5);
  const codes = toCodes(new Uint32Array(values.buffer));
  rows.flat().forEach((value, i) => {
    if (value === null) codes[i] = PADDING;
  });
  const window = { c0: 0, c1: rows.length, t0: 0, t1: rows[0].length };
  const shape = { rows: rows.length, columns: rows[0].length, window };
  return { values: { values, ...shape }, codes: { values: codes, ...shape } };
}

function ordered(rows: (number | null)[][], by: (typeof ORDERS)[number], groups: [string, number][] | null) {
  const { values, codes } = view(rows);
  return [...orderChannels(values, codes, groups, by).channels];
}

describe("an order of channels", () => {
  it("by norm has the largest first, and equal ones by number", () => {
    expect(
      ordered(
        [
          [1, 0],
          [0, 0],
          [-3, 4],
          [0, 1],
        ],
        "norm",
        null,
      ),
    ).toEqual([2, 0, 3, 1]);
  });

  it("by norm does not underflow when it squares small gradients", () => {
    expect(ordered([[1e-38], [1e-30], [0]], "norm", null)).toEqual([1, 0, 2]);
  });

  it("by lag starts with the channel that peaks at the last timestep, in either sign", () => {
    expect(
      ordered(
        [
          [0, 1, 2],
          [0, -4, 1],
          [3, 1, 1],
          [0, 0, 0],
        ],
        "lag",
        null,
      ),
    ).toEqual([2, 1, 0, 3]);
  });

  it("leaves out padding and values that are not finite", () => {
    expect(
      ordered(
        [
          [1, 1, null],
          [2, 1, 3],
        ],
        "norm",
        null,
      ),
    ).toEqual([1, 0]);
    expect(
      ordered(
        [
          [1, null],
          [1, 2],
        ],
        "lag",
        null,
      ),
    ).toEqual([0, 1]);
    expect(
      ordered(
        [
          [Number.POSITIVE_INFINITY, 1],
          [0, 2],
          [Number.NaN, 3],
        ],
        "norm",
        null,
      ),
    ).toEqual([2, 1, 0]);
  });

  it("by correlation puts similar channels side by side, zeros last", () => {
    const wave = (phase: number, size: number) =>
      Array.from({ length: 24 }, (_, lag) => size * Math.sin(lag / 3 + phase));
    // Two families of phases, interleaved, with norms that would sort them otherwise.
    const rows = [wave(0, 1), wave(2, 9), wave(0.1, 5), wave(2.1, 1e-6), Array(24).fill(0), wave(0.2, 1e-3)];
    expect(ordered(rows, "correlation", null)).toEqual([0, 2, 5, 1, 3, 4]);
  });

  it("by correlation recovers the line that shuffled channels came from", () => {
    const count = 40;
    const shuffled = Array.from({ length: count }, (_, i) => (i * 17) % count);
    const rows = shuffled.map((place) =>
      Array.from({ length: 60 }, (_, lag) => Math.exp(-(((lag - place) / 4) ** 2))),
    );
    const line = ordered(rows, "correlation", null).map((channel) => shuffled[channel]);
    const expected = Array.from({ length: count }, (_, i) => i);
    expect(line[0] < line[1] ? line : line.reverse()).toEqual(expected);
  });

  it("keeps every group's channels within the group", () => {
    const rows = [[1], [2], [3], [9], [8], [10]];
    const groups: [string, number][] = [
      ["i", 3],
      ["f", 3],
    ];
    expect(ordered(rows, "norm", groups)).toEqual([2, 1, 0, 5, 3, 4]);
    for (const by of ORDERS) expect(ordered(rows, by, groups).slice(0, 3).sort(), by).toEqual([0, 1, 2]);
  });

  it("gives the place of each channel", () => {
    const { values, codes } = view([[1], [3], [2]]);
    const { channels, places } = orderChannels(values, codes, null, "norm");
    expect([...places]).toEqual([2, 0, 1]);
    expect([...channels].map((channel) => places[channel])).toEqual([0, 1, 2]);
  });

  it("is made once per view", () => {
    const tensor = view([[1], [2]]) as Tensor;
    expect(sharedOrder(tensor, null, "norm")).toBe(sharedOrder(tensor, null, "norm"));
    expect(sharedOrder(tensor, null, "lag")).not.toBe(sharedOrder(tensor, null, "norm"));
  });

  it("by correlation finishes for 256 channels and 1403 timesteps", () => {
    const [rows, columns] = [256, 1403];
    const numbers = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * i));
    const window = { c0: 0, c1: rows, t0: 0, t1: columns };
    const values = { values: numbers, rows, columns, window };
    const codes = { values: toCodes(new Uint32Array(numbers.buffer)), rows, columns, window };
    const order = orderChannels(values, codes, null, "correlation");
    expect(new Set(order.channels).size).toBe(rows);
  });
});
