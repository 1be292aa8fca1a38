import { describe, expect, it } from "vitest";
import { NAN, PADDING, toCodes } from "../src/colour/bfloat16";
import { blockOf, blockStart, blocksOf, type Grid, poolCodes } from "../src/data/window";

function grid(rows: number, columns: number, values: number[]): Grid<Uint16Array> {
  const codes = toCodes(new Uint32Array(Float32Array.from(values).buffer));
  return { values: codes, rows, columns, window: { c0: 0, c1: rows, t0: 0, t1: columns } };
}

describe("pooling", () => {
  it("keeps the value of greatest magnitude in each block, with its sign", () => {
    const source = grid(2, 4, [1, -8, 2, 3, 4, 5, -6, 0.5]);
    const { codes, rows, columns } = poolCodes(source, source.window, 1, 2);
    expect([rows, columns]).toEqual([1, 2]);
    expect([...codes]).toEqual([...toCodes(new Uint32Array(Float32Array.of(-8, -6).buffer))]);
  });

  it("is exact if there is room", () => {
    const source = grid(2, 2, [1, 2, 3, 4]);
    expect(poolCodes(source, source.window, 100, 100).codes).toEqual(source.values);
  });

  it("shows NaN over everything, and padding only if there is nothing else", () => {
    const source = grid(1, 4, [0, Number.NaN, 0, 0]);
    source.values[2] = PADDING;
    source.values[3] = PADDING;
    expect([...poolCodes(source, source.window, 1, 2).codes]).toEqual([NAN, PADDING]);
    expect([...poolCodes(source, { ...source.window, t0: 2, t1: 4 }, 1, 1).codes]).toEqual([PADDING]);
  });

  it("prefers an exact 0 to padding", () => {
    const source = grid(1, 2, [0, 0]);
    source.values[0] = PADDING;
    expect([...poolCodes(source, source.window, 1, 1).codes]).toEqual([0]);
  });

  it("takes rows in the given order", () => {
    const source = grid(3, 1, [1, 2, 3]);
    expect([...poolCodes(source, source.window, 3, 1, [2, 0, 1]).codes]).toEqual([
      source.values[2],
      source.values[0],
      source.values[1],
    ]);
  });

  it("is consistent about the block of each cell", () => {
    for (const [cells, blocks] of [
      [10, 3],
      [1403, 800],
      [7, 7],
    ]) {
      for (let cell = 0; cell < cells; cell++) {
        const block = blockOf(cell, cells, blocks);
        expect(blockStart(block, cells, blocks)).toBeLessThanOrEqual(cell);
        expect(blockStart(block + 1, cells, blocks)).toBeGreaterThan(cell);
      }
    }
  });

  it("finds the blocks that contain a window of cells", () => {
    const pooled: Grid<Uint16Array> = {
      values: new Uint16Array(20),
      rows: 2,
      columns: 10,
      window: { c0: 0, c1: 4, t0: 100, t1: 200 },
    };
    expect(blocksOf(pooled, { c0: 2, c1: 3, t0: 115, t1: 131 })).toEqual({ c0: 1, c1: 2, t0: 1, t1: 4 });
  });
});
