/** Windows of a matrix [channels, timesteps], and pooling of windows to the available pixels. */

import { PADDING, rank } from "../colour/bfloat16";

/** Half-open ranges of channels and timesteps. */
export interface Window {
  c0: number;
  c1: number;
  t0: number;
  t1: number;
}

/** A matrix, row by row, that holds the cells of `window` in `rows` x `columns` blocks. */
export interface Grid<Values extends Float32Array | Uint16Array = Float32Array | Uint16Array> {
  values: Values;
  rows: number;
  columns: number;
  window: Window;
}

/** The first cell of block `index`, if `cells` cells are pooled to `blocks` blocks. */
export function blockStart(index: number, cells: number, blocks: number): number {
  return Math.floor((index * cells) / blocks);
}

/** The block that `cell` lies in. */
export function blockOf(cell: number, cells: number, blocks: number): number {
  let block = Math.floor((cell * blocks) / cells);
  while (block + 1 < blocks && blockStart(block + 1, cells, blocks) <= cell) block++;
  return block;
}

/** The part of the window within `outer`. */
export function intersect(window: Window, outer: Window): Window {
  return {
    c0: Math.max(window.c0, outer.c0),
    c1: Math.min(window.c1, outer.c1),
    t0: Math.max(window.t0, outer.t0),
    t1: Math.min(window.t1, outer.t1),
  };
}

export function contains(outer: Window, window: Window): boolean {
  return outer.c0 <= window.c0 && outer.c1 >= window.c1 && outer.t0 <= window.t0 && outer.t1 >= window.t1;
}

/** Whether each block of the grid is one cell. */
export function isExact(grid: Grid): boolean {
  const { c0, c1, t0, t1 } = grid.window;
  return grid.rows === c1 - c0 && grid.columns === t1 - t0;
}

/** The blocks of the grid that hold the cells of `window`, as a half-open range of blocks. */
export function blocksOf(grid: Grid, window: Window): Window {
  const { c0, c1, t0, t1 } = grid.window;
  const cut = intersect(window, grid.window);
  return {
    c0: blockOf(cut.c0 - c0, c1 - c0, grid.rows),
    c1: blockOf(cut.c1 - 1 - c0, c1 - c0, grid.rows) + 1,
    t0: blockOf(cut.t0 - t0, t1 - t0, grid.columns),
    t1: blockOf(cut.t1 - 1 - t0, t1 - t0, grid.columns) + 1,
  };
}

/**
 * The codes of the blocks `part` of `grid`, pooled to at most `height` x `width`.
 *
 * Each result is the code of greatest magnitude, so that no spike is lost. NaN wins over all others, padding
 * over none. `order[row]` is the grid's row to show at `row`.
 */
export function poolCodes(
  grid: Grid<Uint16Array>,
  part: Window,
  height: number,
  width: number,
  order?: ArrayLike<number>,
): { codes: Uint16Array; rows: number; columns: number } {
  const rows = Math.min(height, part.c1 - part.c0);
  const columns = Math.min(width, part.t1 - part.t0);
  const codes = new Uint16Array(rows * columns);
  const starts = Int32Array.from(
    { length: columns + 1 },
    (_, i) => part.t0 + blockStart(i, part.t1 - part.t0, columns),
  );
  for (let row = 0; row < rows; row++) {
    const from = part.c0 + blockStart(row, part.c1 - part.c0, rows);
    const to = part.c0 + blockStart(row + 1, part.c1 - part.c0, rows);
    for (let column = 0; column < columns; column++) {
      let chosen = PADDING;
      let highest = -1;
      for (let shown = from; shown < to; shown++) {
        const base = (order ? order[shown] : shown) * grid.columns;
        for (let cell = base + starts[column]; cell < base + starts[column + 1]; cell++) {
          const code = grid.values[cell];
          const height = rank(code);
          if (height > highest) {
            highest = height;
            chosen = code;
          }
        }
      }
      codes[row * columns + column] = chosen;
    }
  }
  return { codes, rows, columns };
}
