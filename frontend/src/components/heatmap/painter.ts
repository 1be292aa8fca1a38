/** Paints a grid of codes onto a canvas. */

import { blocksOf, type Grid, intersect, poolCodes, type Window } from "../../data/window";
import type { Axis, Layout } from "../../maths/heatmap/axes";

const scratch = document.createElement("canvas");
const context = scratch.getContext("2d") as CanvasRenderingContext2D;
let image = new ImageData(1, 1);

/** What a canvas shows of a grid, independent of colours: the code of each pixel or larger block. */
export interface Pooled {
  codes: Uint16Array;
  rows: number;
  columns: number;
  /** The grid's blocks that are shown. */
  part: Window;
}

/**
 * Pool the part of `grid` that `layout` shows to `width` x `height` pixels; null if it shows none of it.
 *
 * Where cells are smaller than pixels, a pixel takes the cell of greatest magnitude. Only a grid of single
 * cells may have an order.
 */
export function pooled(grid: Grid<Uint16Array>, layout: Layout, [width, height]: Size): Pooled | null {
  const { down, t, c } = layout;
  const cut = intersect({ c0: c.from, c1: c.to, t0: t.from, t1: t.to }, grid.window);
  if (cut.c0 >= cut.c1 || cut.t0 >= cut.t1) return null;
  const part = blocksOf(grid, cut);
  const [most, longest] = c === down ? [height, width] : [width, height];
  return { ...poolCodes(grid, part, most, longest, c.order?.channels), part };
}

/** Width and height, in pixels of a canvas. */
export type Size = [number, number];

/**
 * Paint the whole canvas, each code in its colour.
 *
 * Cells that `grid` does not hold stay transparent. Padding is transparent too, by its colour.
 */
export function paint(
  canvas: HTMLCanvasElement,
  grid: Grid,
  shown: Pooled | null,
  table: Uint32Array,
  layout: Layout,
): void {
  const target = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  target.clearRect(0, 0, canvas.width, canvas.height);
  if (!shown) return;
  const { across, down } = layout;
  const blocks = { c: shown.rows, t: shown.columns };
  const [width, height] = [blocks[across.dimension], blocks[down.dimension]];
  if (image.width !== width || image.height !== height) {
    image = new ImageData(width, height); // else it is overwritten: a new image per step would create much garbage
    [scratch.width, scratch.height] = [width, height];
  }
  colour(new Uint32Array(image.data.buffer), shown, table, layout, width);
  context.putImageData(image, 0, 0);

  const edges = { t: edgesOf(grid, shown.part, "t"), c: edgesOf(grid, shown.part, "c") };
  const [left, right] = pixelsOf(across, edges[across.dimension], canvas.width);
  const [top, bottom] = pixelsOf(down, edges[down.dimension], canvas.height);
  target.imageSmoothingEnabled = false;
  target.drawImage(scratch, left, top, right - left, bottom - top);
}

/** Write the colour of each block, row by row, into a picture that is `wide` blocks wide. */
function colour(
  pixels: Uint32Array,
  { codes, rows, columns }: Pooled,
  table: Uint32Array,
  { t, c, across }: Layout,
  wide: number,
): void {
  const stride = (axis: Axis) => (axis === across ? 1 : wide);
  const [right, below] = [t.turned ? -stride(t) : stride(t), stride(c)];
  const first = t.turned ? (columns - 1) * stride(t) : 0;
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * columns, first + row * below];
    for (let column = 0; column < columns; column++) {
      pixels[to + column * right] = table[codes[from + column]];
    }
  }
}

/** The edges of the blocks `part`, in cells. They may differ from the window's. */
function edgesOf({ window, rows, columns }: Grid, part: Window, dimension: "t" | "c"): [number, number] {
  const [start, end, from, to, blocks] =
    dimension === "t"
      ? [window.t0, window.t1, part.t0, part.t1, columns]
      : [window.c0, window.c1, part.c0, part.c1, rows];
  return [start + (from / blocks) * (end - start), start + (to / blocks) * (end - start)];
}

/** The pixels that places cover on a canvas of `length` pixels. */
function pixelsOf(axis: Axis, [from, to]: [number, number], length: number): [number, number] {
  const [least, most] = axis.span(from, to);
  return [(least / axis.length) * length, (most / axis.length) * length];
}
