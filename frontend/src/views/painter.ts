/** Paints a grid of codes onto a canvas. */

import { blocksOf, type Grid, intersect, poolCodes, type Window } from "../data/pool";
import type { Axis, Layout } from "./axes";

const scratch = document.createElement("canvas");

/**
 * Paint the cells that `layout` shows over the whole canvas, each in its code's colour.
 *
 * Where cells are smaller than the canvas' pixels, a pixel takes the cell of greatest magnitude. What `grid`
 * does not hold stays transparent, and so does padding, whose colour is. Only a grid of single cells may be
 * ordered.
 */
export function paint(
  canvas: HTMLCanvasElement,
  grid: Grid<Uint16Array>,
  table: Uint32Array,
  layout: Layout,
): void {
  const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { across, down, t, c } = layout;
  const cut = intersect({ c0: c.from, c1: c.to, t0: t.from, t1: t.to }, grid.window);
  if (cut.c0 >= cut.c1 || cut.t0 >= cut.t1) return;
  const part = blocksOf(grid, cut);
  const [height, width] = c === down ? [canvas.height, canvas.width] : [canvas.width, canvas.height];
  const { codes, rows, columns } = poolCodes(grid, part, height, width, c.order?.channels);

  const blocks = { c: rows, t: columns };
  [scratch.width, scratch.height] = [blocks[across.dimension], blocks[down.dimension]];
  const pixels = colours(codes, rows, columns, table, layout, scratch.width);
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), scratch.width, scratch.height);
  (scratch.getContext("2d") as CanvasRenderingContext2D).putImageData(image, 0, 0);

  const edges = { t: edgesOf(grid, part, "t"), c: edgesOf(grid, part, "c") };
  const [left, right] = pixelsOf(across, edges[across.dimension], canvas.width);
  const [top, bottom] = pixelsOf(down, edges[down.dimension], canvas.height);
  context.imageSmoothingEnabled = false;
  context.drawImage(scratch, left, top, right - left, bottom - top);
}

/** The colour of each block, row by row of a picture that is `wide` blocks wide. */
function colours(
  codes: Uint16Array,
  rows: number,
  columns: number,
  table: Uint32Array,
  { t, c, across }: Layout,
  wide: number,
): Uint32Array<ArrayBuffer> {
  const pixels = new Uint32Array(codes.length);
  const stride = (axis: Axis) => (axis === across ? 1 : wide);
  const [right, below] = [t.turned ? -stride(t) : stride(t), stride(c)];
  const first = t.turned ? (columns - 1) * stride(t) : 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * columns, first + row * below];
    for (let column = 0; column < columns; column++) {
      pixels[to + column * right] = table[codes[from + column]];
    }
  }
  return pixels;
}

/** The edges of the blocks `part`, in cells: they need not be the window's. */
function edgesOf({ window, rows, columns }: Grid, part: Window, dimension: "t" | "c"): [number, number] {
  const [start, end, from, to, blocks] =
    dimension === "t"
      ? [window.t0, window.t1, part.t0, part.t1, columns]
      : [window.c0, window.c1, part.c0, part.c1, rows];
  return [start + (from / blocks) * (end - start), start + (to / blocks) * (end - start)];
}

/** The pixels of a canvas of `length` pixels that places cover. */
function pixelsOf(axis: Axis, [from, to]: [number, number], length: number): [number, number] {
  const [least, most] = axis.span(from, to);
  return [(least / axis.length) * length, (most / axis.length) * length];
}
