/** Paints a grid of codes onto a canvas. */

import { blocksOf, type Grid, intersect, poolCodes, type Window } from "../data/pool";

const scratch = document.createElement("canvas");

/**
 * Paint the cells of `window` over the whole canvas, each in its code's colour.
 *
 * Where cells are smaller than the canvas' pixels, a pixel takes the cell of greatest magnitude. What `grid`
 * does not hold stays transparent, and so does padding, whose colour is.
 */
export function paint(
  canvas: HTMLCanvasElement,
  grid: Grid<Uint16Array>,
  table: Uint32Array,
  window: Window,
  order?: readonly number[],
): void {
  const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const cut = intersect(window, grid.window);
  if (cut.c0 >= cut.c1 || cut.t0 >= cut.t1) return;
  const part = blocksOf(grid, cut);
  const { codes, rows, columns } = poolCodes(grid, part, canvas.height, canvas.width, order);
  const pixels = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) pixels[i] = table[codes[i]];
  scratch.width = columns;
  scratch.height = rows;
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows);
  (scratch.getContext("2d") as CanvasRenderingContext2D).putImageData(image, 0, 0);

  // The blocks' own edges, in cells, need not be the window's.
  const { c0, c1, t0, t1 } = grid.window;
  const left = t0 + (part.t0 / grid.columns) * (t1 - t0);
  const right = t0 + (part.t1 / grid.columns) * (t1 - t0);
  const top = c0 + (part.c0 / grid.rows) * (c1 - c0);
  const bottom = c0 + (part.c1 / grid.rows) * (c1 - c0);
  const across = canvas.width / (window.t1 - window.t0);
  const down = canvas.height / (window.c1 - window.c0);
  context.imageSmoothingEnabled = false;
  context.drawImage(
    scratch,
    (left - window.t0) * across,
    (top - window.c0) * down,
    (right - left) * across,
    (bottom - top) * down,
  );
}
